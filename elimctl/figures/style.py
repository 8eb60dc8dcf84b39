"""What all figures have in common: sizes, fonts, and colours that colour-blind readers tell apart."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, ParamSpec

import numpy as np
from matplotlib import font_manager, style, ticker
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from elimctl.text import printable, shortened

P = ParamSpec("P")

WIDTH_IN = 6.6  # of a whole column of print, and of a phone held upright at half its size
DPI = 150
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")  # beside the colours, for print without any
LINES = ("-", "--", "-.", ":")
MAP = "cividis"  # of a quantity; the same to red-green blind readers, and even in grey
SCALE = "viridis"  # of points on paper, where a scale must differ from it at both ends and in the middle
LETTERS_PER_IN = 18  # of small print
LONGEST = 28  # characters of a name that a figure has room for
MISSING = "\N{WHITE SQUARE}"  # in the place of what the font has not got


@dataclass(frozen=True, slots=True)
class Look:
    """Colours of a figure.

    Args:
        paper: what is drawn on.
        ink: text, and what matters most; at least 7:1 against the paper.
        faint: what stands behind, and small text; at least 4.5:1.
        grid: lines that are not read.
        valence: of all that is about valence.
        arousal: of all that is about arousal.
        groups: of what else is compared, from the palette of Okabe and Ito (2008).
    """

    paper: str
    ink: str
    faint: str
    grid: str
    valence: str
    arousal: str
    groups: tuple[str, ...]


LIGHT = Look(
    paper="#ffffff",
    ink="#1b1f24",
    faint="#5c6370",
    grid="#d8dce1",
    valence="#0072b2",
    arousal="#d55e00",
    groups=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a5c00", "#4b4b4b"),
)
DARK = Look(
    paper="#14171b",
    ink="#eceff3",
    faint="#a3abb6",
    grid="#343a42",
    valence="#56b4e9",
    arousal="#e69f00",
    groups=("#56b4e9", "#e69f00", "#2fc79b", "#cc79a7", "#f0e442", "#ff7f3f", "#c8c8c8", "#9fb4ff"),
)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure, and what it shows in words; control characters of names are left out of these.

    Args:
        figure: matplotlib's.
        title: what it is.
        alt: what it shows, with its main numbers, for who does not see it.
    """

    figure: Figure
    title: str
    alt: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", printable(self.title))
        object.__setattr__(self, "alt", printable(self.alt))


def styled(draw: Callable[P, Drawing]) -> Callable[P, Drawing]:
    """Draw with the colours of the argument `look`, whatever matplotlib's settings are on this machine."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Drawing:
        look = kwargs.get("look", LIGHT)
        assert isinstance(look, Look)
        with style.context(["default", settings(look)]):
            return draw(*args, **kwargs)

    return drawn


def settings(look: Look) -> dict[str, Any]:
    """Settings of matplotlib, of those that are looked up when something is made."""
    return {
        "font.family": "DejaVu Sans",  # comes with matplotlib
        "font.size": 9,
        "axes.titlesize": 9,
        "axes.labelsize": 9,
        "axes.labelcolor": look.ink,
        "axes.edgecolor": look.faint,
        "axes.facecolor": look.paper,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": look.grid,
        "grid.linewidth": 0.6,
        "text.color": look.ink,
        "xtick.color": look.faint,
        "ytick.color": look.faint,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.fontsize": 8,
        "legend.frameon": False,
        "hatch.color": look.faint,
        "hatch.linewidth": 0.4,
        "lines.linewidth": 1.4,
        "figure.facecolor": look.paper,
        "savefig.facecolor": look.paper,
        "figure.dpi": DPI,
        "savefig.dpi": DPI,
        "svg.hashsalt": "elimctl",  # names of its parts that do not change from one time to the next
        "svg.fonttype": "path",  # the same on every machine; what it says is in its description
    }


def figure(title: str, *, height_in: float, width_in: float = WIDTH_IN) -> Figure:
    """An empty figure with a title.

    Args:
        title: above all.
        height_in: inches.
        width_in: inches.
    """
    made = Figure(figsize=(width_in, height_in), layout="constrained")
    made.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    return made


def note(figure: Figure, text: str, *, look: Look) -> None:
    """Small print below a figure, in as many lines as it takes: what has to be known to read it."""
    wrapped = small_print(text, figure.get_figwidth())
    figure.supxlabel(wrapped, x=0.01, ha="left", fontsize=7.5, color=look.faint)


def small_print(text: str, width_in: float) -> str:
    """A text in lines that fit a width, inches, in letters of 7.5 points."""
    return textwrap.fill(text, int(LETTERS_PER_IN * width_in))


def legend(axes: Axes, **options: Any) -> Legend:
    """A legend that stays legible over what is drawn."""
    made = axes.legend(**({"frameon": True, "framealpha": 0.85, "edgecolor": "none"} | options))
    made.get_frame().set_facecolor(axes.get_facecolor())
    return made


def colour_bar(
    figure: Figure,
    shown: ScalarMappable,
    axes: Axes | Sequence[Axes],
    label: str,
    *,
    below: bool = False,
    beyond: bool = False,
) -> Colorbar:
    """The scale of a map, to the right of it or below; with a point at its end where values lie beyond it."""
    options: dict[str, Any] = {"location": "bottom", "aspect": 30, "pad": 0.03} if below else {"pad": 0.02}
    bar = figure.colorbar(shown, ax=axes, shrink=0.85, extend="max" if beyond else "neither", **options)
    bar.set_label(label)
    bar.outline.set_visible(False)  # type: ignore[operator]
    return bar


def written_on(colour: np.ndarray) -> str:
    """Black or white, whichever stands out more from a colour, (4,) in [0, 1]: at least 4.5:1 (WCAG)."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)[:3]
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    return "#000000" if (luminance + 0.05) ** 2 > (1 + 0.05) * 0.05 else "#ffffff"


def whole_numbers(axes: Axes, *, nbins: int = 7) -> None:
    """Let the horizontal axis have ticks at whole numbers alone, with thousands apart."""
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, nbins=nbins, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))


def plain(text: str, *, longest: int = LONGEST) -> str:
    """A text from data, safe to draw: one line, not too long, no formula, no sign that the font lacks.

    Args:
        text: any.
        longest: characters that are kept; of a longer one both ends are.
    """
    known = "".join(sign if ord(sign) in _signs() else MISSING for sign in " ".join(text.split()))
    return shortened(known, longest).replace("$", r"\$")


@cache
def _signs() -> frozenset[int]:
    """What the font can draw."""
    return frozenset(font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap())
