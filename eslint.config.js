import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["**/.venv/", "results/", "training/"] },
  js.configs.recommended,
  { rules: { "no-unused-vars": ["error", { ignoreRestSiblings: true }] } },
  { files: ["kikitori/page/static/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["tests/page/static/*.js", "tests/api/*.js"], languageOptions: { globals: globals.node } },
];
