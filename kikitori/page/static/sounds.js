// @ts-check
// Only one sound at a time: ours, those of other tabs, and Gradio's.

/** @type {HTMLMediaElement | null} What was started last. */
let sounding = null;

/** @param {HTMLMediaElement} media that is being started */
function pauseOthers(media) {
  if (sounding !== media) pauseSound();
  sounding = media;
}

/** Pause whatever sounds. */
export function pauseSound() {
  sounding?.pause();
}

/** Let each sound on the page pause the one before. */
export function keepOneSound() {
  const { play } = HTMLMediaElement.prototype;
  // Gradio's waveforms play elements that are not in the document, so that their events do not reach it.
  HTMLMediaElement.prototype.play = function () {
    pauseOthers(this);
    return play.call(this);
  };
  // The browser's own controls do not call it. The event comes late: another sound may have paused this one since.
  document.addEventListener(
    "play",
    ({ target }) => {
      const media = /** @type {HTMLMediaElement} */ (target);
      if (!media.paused) pauseOthers(media);
    },
    true,
  );
}
