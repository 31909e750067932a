"""What a training says about itself while it runs."""

import time

PRINT_EVERY_STEPS = 50


class Log:
    """Prints the means of what each step tells, now and then."""

    def __init__(self):
        self.steps, self.clips = 0, 0
        self._figures: dict[str, list[float]] = {}
        self._started = time.monotonic()

    def add(self, figures: dict[str, float], clips: int) -> None:
        """Note one step on so many clips."""
        self.steps, self.clips = self.steps + 1, self.clips + clips
        for name, figure in figures.items():
            self._figures.setdefault(name, []).append(figure)
        if self.steps % PRINT_EVERY_STEPS == 0:
            means = ", ".join(f"{name} {sum(values) / len(values):.3f}" for name, values in self._figures.items())
            minutes = (time.monotonic() - self._started) / 60
            print(f"step {self.steps}: {means}, {self.clips} clips in {minutes:.1f} minutes", flush=True)
            self._figures = {}
