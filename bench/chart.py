"""One picture of a question's results: a bar for each figure and line, in groups of one figure."""

BAR = 0.36  # of the space of a group
COLOURS = ("#2a6f97", "#c9ada7")  # told apart in grey as well


def draw(results, names, figures, path):
    """Writes an SVG file, one group for each of `figures`; says where, or why not."""
    lines = [line for line in results.outputs if results.is_measured(line)]
    if not lines:
        return "chart: none, nothing was measured"
    try:
        import matplotlib
    except ImportError:
        return "chart: none, python3-matplotlib is not installed"
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "zeropool"  # the same picture, the same file
    from matplotlib import pyplot

    picture, axes = pyplot.subplots(figsize=(8, 4))
    for number, line in enumerate(lines):
        places = [group + (number - (len(lines) - 1) / 2) * BAR for group in range(len(figures))]
        heights = [results.median(line, figure.key) for figure in figures]
        bars = axes.bar(places, heights, BAR, label=line, color=COLOURS[number % len(COLOURS)])
        axes.bar_label(bars, fmt="%.0f", padding=2)
    axes.set_xticks(range(len(figures)), names)
    axes.set_ylim(0, 115)
    axes.set_ylabel("hit rate, %")
    axes.set_title(results.question.title, fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=len(lines), loc="upper left")
    picture.savefig(path, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(picture)
    return f"chart: {path}"
