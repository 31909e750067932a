import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["**/.venv/", "results/", "training/"] },
  js.configs.recommended,
  { files: ["kikitori/page/static/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["tests/page/static/*.js"], languageOptions: { globals: globals.node } },
];
