"""A progress bar in a terminal or a notebook, and a line an epoch where output goes to a file."""

import sys


class Bar:
    """Shows how far a training is."""

    WIDTH = 24

    def __init__(self, epochs, score):
        self.epochs = epochs
        self.score = score
        # A notebook's output is no terminal, but it goes back to the start of a line too.
        self.moves = sys.stdout.isatty() or type(sys.stdout).__module__.startswith("ipykernel")
        self.shown = 0

    def _show(self, text, end=""):
        if self.moves:
            sys.stdout.write("\r" + text.ljust(self.shown) + end)
            self.shown = len(text)
        elif end:
            sys.stdout.write(text + end)
        sys.stdout.flush()

    def step(self, epoch, step, steps, loss, score):
        """Show a part of an epoch."""
        done = (epoch - 1 + step / max(steps, 1)) / self.epochs
        bar = ("#" * int(done * self.WIDTH)).ljust(self.WIDTH, ".")
        self._show(f"epoch {epoch}/{self.epochs} [{bar}] loss {loss:.4f}, {self.score} {score:.4f}")

    def epoch(self, row):
        """Show a whole epoch."""
        done = int(row["epoch"] / self.epochs * self.WIDTH)
        bar = ("#" * done).ljust(self.WIDTH, ".")
        text = f"epoch {row['epoch']}/{self.epochs} [{bar}] loss {row['train_loss']:.4f}, {self.score} {row['train_accuracy']:.4f}"
        if row["test_accuracy"] == row["test_accuracy"]:
            text += f", validation {row['test_accuracy']:.4f}"
        self._show(text, "" if self.moves else "\n")

    def end(self):
        """Leave the last picture where it is."""
        if self.moves and self.shown:
            sys.stdout.write("\n")
            sys.stdout.flush()
