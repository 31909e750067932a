// Sheets for tests: a call with two speakers, a talk with times of words, and a translation beside its original.

/** A turn as Python sends it. */
export const turn = (speaker, text, more = {}) => ({
  speaker,
  text,
  timing: "window",
  start_seconds: 0,
  end_seconds: 10,
  words: [],
  low_confidence: [],
  source: "",
  language: "",
  ...more,
});

/** A sheet of turns with their times. */
export function sheetOf(language, ...rows) {
  const turns = rows.map(([made]) => made);
  const transcript = { turns, language, duration_seconds: 10, raw_text: "as the model wrote it" };
  return {
    transcript,
    times: rows.map(([, span]) => span),
    speakers: [...new Set(turns.map(({ speaker }) => speaker).filter((speaker) => speaker !== null))],
  };
}

export const words = (...parts) =>
  parts.map(([text, start_seconds, end_seconds]) => ({ text, start_seconds, end_seconds }));
export const texts = (sheet) => sheet.transcript.turns.map(({ text }) => text);
export const spoken = (sheet) => sheet.transcript.turns.map(({ speaker }) => speaker);

export const call = () =>
  sheetOf(
    "Japanese",
    [turn("spk_0", "はい、みどり病院です。", { low_confidence: [[3, 6]] }), [0, 4]],
    [turn("spk_1", "山本と申します。"), [4, 6]],
    [turn("spk_0", "はい。"), [6, 10]],
  );
export const talk = () =>
  sheetOf(
    "Portuguese",
    [
      turn(null, "Bom dia, eu sou Ana.", {
        timing: "aligned",
        words: words(["Bom", 0, 1], [" dia,", 1, 2], [" eu", 3, 4], [" sou", 4, 5], [" Ana.", 5, 6]),
        low_confidence: [
          [0, 3],
          [16, 19],
        ],
      }),
      [0, 6],
    ],
    [
      turn(null, "Quero um café.", {
        timing: "aligned",
        words: words(["Quero", 6, 7], [" um", 7, 8], [" café.", 8, 9]),
      }),
      [6, 9],
    ],
  );

export const translation = () =>
  sheetOf(
    "Japanese",
    [
      turn(null, "おはようございます。予約をお願いします。", { source: "Good morning. I would like to book a table." }),
      [0, 6],
    ],
    [turn(null, "はい、何名様ですか。", { source: "Yes, how many of you?" }), [6, 9]],
  );
