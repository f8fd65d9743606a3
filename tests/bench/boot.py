#!/usr/bin/env python3
"""The times of tests/bench/boot: medians, ratios of boots of the same round with their spread, and a picture of the time lines.

    boot.py FOLDER SVG

FOLDER has a file KIND.ROUND for each boot: the lines that tests/bench/boot.guest wrote on its console.
"""

import glob
import os
import statistics
import sys

FOLDER, SVG = sys.argv[1:]
# A kind, and in words what it is.
KINDS = [
    ("ci-without", "cloud-init alone"), ("ci-hint", "cloud-init and the name (hint)"), ("ci-seed", "cloud-init and all data (seed)"),
    ("nd-without", "no cloud-init"), ("nd-agent", "no cloud-init, with cloudseed"),
    ("smallest-without", "busybox"), ("smallest-agent", "busybox, with cloudseed")]
POINTS = [("switched", "real root"), ("network-online", "network online"), ("login", "login"), ("ssh", "sshd"), ("multi-user", "multi-user"),
          ("done", "cloud-init done"), ("search", "search"), ("agent", "agent"), ("requests", "requests")]


def read(path):
    """One boot, in seconds."""
    boot = {"spans": {}}
    searches = []
    for line in open(path):
        words = line.split()[1:]
        match words:
            case ["point", name, time] if int(time):
                boot[name] = int(time) / 1e6
            case ["span", name, began, ended]:
                boot["spans"][name] = int(began) / 1e6, int(ended) / 1e6
            case ["search", time, word, name]:
                searches.append((int(time) / 1e6, word))
            case ["agent-end", time]:
                boot["agent-end"] = float(time)
            case ["agent-took", time]:
                boot["agent"] = float(time)
            case ["requests", count]:
                boot["requests"] = int(count)
            case ["handed", *said]:
                boot["handed"] = " ".join(said)
    if searches:
        boot["search"] = sum(time if word == "finish:" else -time for time, word in searches)
    if "cloud-final" in boot["spans"]:
        boot["done"] = boot["spans"]["cloud-final"][1]
    if "agent-end" in boot and "agent" in boot:
        boot["spans"]["agent"] = boot["agent-end"] - boot["agent"], boot["agent-end"]
    return boot


def boots():
    """The boots of each kind, by round."""
    found = {}
    for path in glob.glob(os.path.join(FOLDER, "*-*.[0-9]*")):
        kind, number = os.path.basename(path).rsplit(".", 1)
        found.setdefault(kind, {})[int(number)] = read(path)
    return found


def spread(values, form="%.3f"):
    return (form + " (" + form + " to " + form + ")") % (statistics.median(values), min(values), max(values))


def medians(found):
    print("%-32s" % "seconds, median" + "".join("%16s" % words for _, words in POINTS))
    for kind, words in KINDS:
        if kind not in found:
            continue
        row = [[boot[name] for boot in found[kind].values() if name in boot] for name, _ in POINTS]
        print("%-32s" % words + "".join("%16.3f" % statistics.median(values) if values else "%16s" % "" for values in row))


def pairs(found):
    """Ratios and differences of boots of the same round."""
    print("\nof the same round, median (least to most)")
    for one, other in [("ci-hint", "ci-without"), ("ci-seed", "ci-without"), ("nd-agent", "nd-without"), ("smallest-agent", "smallest-without")]:
        for point, words in POINTS[:6]:
            both = [(found[one][n][point], found[other][n][point]) for n in sorted(found.get(one, {}))
                    if n in found.get(other, {}) and point in found[one][n] and point in found[other][n]]
            if both:
                print("%-16s / %-16s %-16s ratio %-28s difference %s s" % (
                    one, other, words, spread([a / b for a, b in both]), spread([a - b for a, b in both], "%+.3f")))


COLOURS = {"agent": "#d62728", "cloud-init-local": "#1f77b4", "cloud-init": "#2ca02c", "cloud-init-network": "#2ca02c",
           "cloud-config": "#9467bd", "cloud-final": "#8c564b", "cloudseed-early": "#17becf", "cloudseed-final": "#bcbd22"}
MARKS = [("switched", "real root", "#555555"), ("network-online", "network online", "#ff7f0e"), ("login", "login", "#000000"), ("done", "done", "#8c564b")]
LEFT, WIDTH, ROW = 250, 900, 74


class Picture:
    """An SVG, line by line."""

    def __init__(self, longest, rows):
        self.scale = WIDTH / longest
        self.height = 60 + rows * ROW + 40
        self.lines = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">' % (LEFT + WIDTH + 90, self.height),
                      '<rect width="100%" height="100%" fill="white"/>']
        for second in range(0, int(longest) + 1, 5):
            x = self.x(second)
            self.lines.append('<line x1="%.1f" y1="50" x2="%.1f" y2="%d" stroke="#dddddd"/>' % (x, x, self.height - 40))
            self.text(x, self.height - 24, "%d s" % second, "middle")

    def x(self, seconds):
        return LEFT + seconds * self.scale

    def text(self, x, y, words, anchor="start", colour="#000000", size=12):
        self.lines.append('<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s" font-size="%d">%s</text>' % (x, y, anchor, colour, size, words))

    def bar(self, began, ended, y, height, colour):
        self.lines.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%d" fill="%s"/>' % (self.x(began), y, max((ended - began) * self.scale, 1.5), height, colour))

    def save(self):
        with open(SVG, "w") as file:
            file.write("\n".join([*self.lines, "</svg>", ""]))


def typical(rounds):
    """The boot whose end is the median's."""
    end = lambda boot: boot.get("done", boot.get("multi-user", boot.get("switched", 0)))
    return sorted(rounds.values(), key=end)[(len(rounds) - 1) // 2], end


def draw(found):
    shown = [(kind, words) for kind, words in KINDS if kind in found and not kind.startswith("smallest")]
    chosen = {kind: typical(found[kind]) for kind, _ in shown}
    picture = Picture(max(end(boot) for boot, end in chosen.values()) * 1.02, len(shown))
    legend(picture)
    for row, (kind, words) in enumerate(shown):
        boot, end = chosen[kind]
        y = 62 + row * ROW
        picture.text(LEFT - 10, y + 20, words, "end", size=13)
        picture.text(LEFT - 10, y + 36, "%d requests" % boot.get("requests", 0), "end", "#777777")
        picture.bar(0, boot["switched"], y + 8, 18, "#cccccc")
        picture.bar(boot["switched"], end(boot), y + 8, 18, "#eeeeee")
        for name, (began, ended) in boot["spans"].items():
            picture.bar(began, ended, y + 8, 18, COLOURS[name])
        marks(picture, boot, y)
    picture.save()


def marks(picture, boot, y):
    """Points below the bar; words that would run into each other stand one lower."""
    free = [0, 0, 0]
    for name, words, colour in sorted(MARKS, key=lambda mark: boot.get(mark[0], 0)):
        if name not in boot:
            continue
        x = picture.x(boot[name])
        line = next((line for line, end in enumerate(free) if end < x), len(free) - 1)
        label = "%s %.1f" % (words, boot[name])
        free[line] = x + 6.6 * len(label) + 8
        picture.lines.append('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s" stroke-width="1.5"/>' % (x, y + 4, x, y + 40 + 12 * line, colour))
        picture.text(x + 3, y + 40 + 12 * line, label, colour=colour, size=11)


def legend(picture):
    x = LEFT
    for name, colour in [("kernel and initramfs", "#cccccc"), *[(name, colour) for name, colour in COLOURS.items() if name != "cloud-init-network"]]:
        picture.lines.append('<rect x="%.1f" y="20" width="12" height="12" fill="%s"/>' % (x, colour))
        picture.text(x + 16, 31, name)
        x += 34 + 6.8 * len(name)


found = boots()
medians(found)
pairs(found)
draw(found)
print("\npicture: %s" % os.path.relpath(SVG))
