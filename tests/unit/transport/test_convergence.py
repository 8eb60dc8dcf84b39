import pytest
import torch

from elimctl.transport.convergence import ConvergenceMonitor, ConvergenceWarning


def test_it_says_how_many_problems_are_how_far_off():
    wanted = (
        "solver did not converge in 7 iterations: 2 of 4 problems are off by up to 3.0e-02, "
        "wanted at most 1.0e-03"
    )
    with pytest.warns(ConvergenceWarning, match=wanted):
        ConvergenceMonitor()(torch.tensor([0.03, 1e-3, 2e-3, 0.0]), tol=1e-3, solver="solver", n_iter=7)


def test_it_warns_once():
    monitor = ConvergenceMonitor()
    monitor(torch.tensor([0.0]), tol=1e-3, solver="solver", n_iter=7)
    with pytest.warns(ConvergenceWarning):
        monitor(torch.tensor([0.5]), tol=1e-3, solver="solver", n_iter=7)
    monitor(torch.tensor([0.7]), tol=1e-3, solver="solver", n_iter=7)  # a second warning would be an error


def test_what_is_not_a_number_did_not_converge():
    with pytest.warns(ConvergenceWarning, match="1 of 2 problems are off by up to nan"):
        ConvergenceMonitor()(torch.tensor([torch.nan, 0.0]), tol=1e-3, solver="solver", n_iter=7)


def test_it_does_not_warn_where_all_have_converged():
    ConvergenceMonitor()(torch.tensor([1e-3, 0.0]), tol=1e-3, solver="solver", n_iter=7)


def test_it_does_not_ask_a_device_for_values():
    ConvergenceMonitor()(torch.empty(3, device="meta"), tol=1e-3, solver="solver", n_iter=7)


class Event:
    """An event of a device that is still at work."""

    done = False

    def query(self):
        return self.done


def test_figures_that_a_device_has_yet_to_compute_are_read_by_a_later_call():
    monitor, event = ConvergenceMonitor(), Event()
    monitor._copied = (torch.tensor([1.0, 0.5]), event, "{late:.0f} and {worst:.1f}")
    settled = torch.zeros(1)
    monitor(settled, tol=1e-3, solver="solver", n_iter=7)  # not there yet: neither waits nor forgets
    event.done = True
    with pytest.warns(ConvergenceWarning, match=r"1 and 0\.5"):
        monitor(settled, tol=1e-3, solver="solver", n_iter=7)
    monitor(torch.ones(1), tol=1e-3, solver="solver", n_iter=7)


@pytest.mark.gpu
def test_a_cuda_device_is_not_waited_for():
    monitor = ConvergenceMonitor()
    error = torch.ones(2, device="cuda")
    monitor(error, tol=1e-3, solver="solver", n_iter=7)
    torch.cuda.synchronize()
    with pytest.warns(ConvergenceWarning, match="2 of 2 problems"):
        monitor(error, tol=1e-3, solver="solver", n_iter=7)
