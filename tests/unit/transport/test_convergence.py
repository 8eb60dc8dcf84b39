import pytest
import torch

from elimctl.transport.convergence import ConvergenceWarning, Watch


def test_it_says_how_many_problems_are_how_far_off():
    wanted = (
        "solver did not converge in 7 iterations: 2 of 4 problems are off by up to 3.0e-02, "
        "wanted at most 1.0e-03"
    )
    with pytest.warns(ConvergenceWarning, match=wanted):
        Watch()(torch.tensor([0.03, 1e-3, 2e-3, 0.0]), tol=1e-3, solver="solver", n_iter=7)


def test_it_warns_once():
    watch = Watch()
    watch(torch.tensor([0.0]), tol=1e-3, solver="solver", n_iter=7)
    with pytest.warns(ConvergenceWarning):
        watch(torch.tensor([0.5]), tol=1e-3, solver="solver", n_iter=7)
    watch(torch.tensor([0.7]), tol=1e-3, solver="solver", n_iter=7)  # a second warning would be an error


def test_what_is_not_a_number_did_not_converge():
    with pytest.warns(ConvergenceWarning, match="1 of 2 problems are off by up to nan"):
        Watch()(torch.tensor([torch.nan, 0.0]), tol=1e-3, solver="solver", n_iter=7)


def test_it_does_not_warn_where_all_have_converged():
    Watch()(torch.tensor([1e-3, 0.0]), tol=1e-3, solver="solver", n_iter=7)


def test_it_does_not_ask_a_device_for_values():
    Watch()(torch.empty(3, device="meta"), tol=1e-3, solver="solver", n_iter=7)


class Event:
    """An event of a device that is still at work."""

    done = False

    def query(self):
        return self.done


def test_figures_that_a_device_has_yet_to_compute_are_read_by_a_later_call():
    watch, event = Watch(), Event()
    watch._copied = (torch.tensor([1.0, 0.5]), event, "{late:.0f} and {worst:.1f}")
    settled = torch.zeros(1)
    watch(settled, tol=1e-3, solver="solver", n_iter=7)  # not there yet: neither waits nor forgets
    event.done = True
    with pytest.warns(ConvergenceWarning, match=r"1 and 0\.5"):
        watch(settled, tol=1e-3, solver="solver", n_iter=7)
    watch(torch.ones(1), tol=1e-3, solver="solver", n_iter=7)


@pytest.mark.gpu
def test_a_cuda_device_is_not_waited_for():
    watch = Watch()
    error = torch.ones(2, device="cuda")
    watch(error, tol=1e-3, solver="solver", n_iter=7)
    torch.cuda.synchronize()
    with pytest.warns(ConvergenceWarning, match="2 of 2 problems"):
        watch(error, tol=1e-3, solver="solver", n_iter=7)
