"""Say that a solver did not converge: with numbers, once a run, and without waiting for the device."""

import warnings

import torch
from jaxtyping import Float
from torch import Tensor


class ConvergenceWarning(RuntimeWarning):
    """A solver reached its iteration limit before its tolerance."""


class ConvergenceMonitor:
    """Warns the first time that a solver is seen not to have converged, and never again.

    Figures that a CUDA device has yet to compute are not waited for: a later call reads them, once they
    are there. Those of a run's very last calls may go unread; a solver that fails does so in many steps.
    """

    def __init__(self) -> None:
        self.warned = False
        self._copied: tuple[Tensor, torch.cuda.Event, str] | None = None

    def __call__(self, error: Float[Tensor, " B"], *, tol: float, solver: str, n_iter: int) -> None:
        """Look at what a call of a solver has left.

        Args:
            error: how far each problem is from its solution; NaN counts as far.
            tol: the largest error that is none.
            solver: its name.
            n_iter: iterations it was given.

        Warns:
            ConvergenceWarning: some error is larger, and there was no warning yet.
        """
        if self._copied is not None and self._copied[1].query():  # type: ignore[no-untyped-call]
            figures, _, text = self._copied
            self._copied = None
            self._judge(figures, text)
        if self.warned or self._copied is not None or error.is_meta:
            return
        error = error.detach()
        figures = torch.stack([(~(error <= tol)).sum().to(error.dtype), error.amax()])
        text = (
            f"{solver} did not converge in {n_iter} iterations: {{late:.0f}} of {len(error)} problems are "
            f"off by up to {{worst:.1e}}, wanted at most {tol:.1e}"
        )
        if error.is_cuda:
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._copied = (figures.to("cpu", non_blocking=True), event, text)
            event.record()
        else:
            self._judge(figures, text)

    def _judge(self, figures: Float[Tensor, "2"], text: str) -> None:
        late, worst = figures.tolist()
        if late and not self.warned:
            self.warned = True
            warnings.warn(text.format(late=late, worst=worst), ConvergenceWarning, stacklevel=5)
