#include "gateway/audit/report_charts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <vector>

#include "gateway/audit/html.h"
#include "gateway/audit/visible.h"

namespace redwall::audit {
namespace {

constexpr double kWidth = 1040, kHeight = 280, kLeft = 74, kRight = 14, kTop = 14, kBottom = 40;
constexpr double kPlotWidth = kWidth - kLeft - kRight, kPlotHeight = kHeight - kTop - kBottom;
constexpr std::int64_t kSecond = 1000000, kDay = 86400 * kSecond;

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string Line(const char* style, double x1, double y1, double x2, double y2) {
  return std::string("<line class=\"") + style + "\" x1=\"" + Number(x1) + "\" y1=\"" + Number(y1) +
         "\" x2=\"" + Number(x2) + "\" y2=\"" + Number(y2) + "\"/>";
}

std::string Label(double x, double y, const char* anchor, const std::string& text) {
  return "<text x=\"" + Number(x) + "\" y=\"" + Number(y) + "\" text-anchor=\"" + anchor + "\">" +
         HtmlText(text) + "</text>";
}

// The part of time that a chart shows, and where it is.
struct Axis {
  explicit Axis(const TimeSeries& series)
      : width_us(series.width_us()),
        first(series.slots().begin()->first),
        count(std::prev(series.slots().end())->first - first + 1) {}
  double X(std::int64_t number) const {
    return kLeft + kPlotWidth * static_cast<double>(number - first) / static_cast<double>(count);
  }
  double bar() const { return kPlotWidth / static_cast<double>(count); }

  std::int64_t width_us, first, count;
};

// As much of a time as tells the ticks apart.
std::string TickText(const Axis& axis, std::int64_t number) {
  const std::string text = ShowTime(number * axis.width_us, 3);
  if (axis.width_us >= kDay) return text.substr(0, 10);
  if (axis.count * axis.width_us > kDay) return text.substr(5, 11);
  if (axis.width_us >= 60 * kSecond) return text.substr(11, 5);
  return text.substr(11, axis.width_us >= kSecond ? 8 : 12);
}

std::string TimeAxis(const Axis& axis) {
  std::string out = Line("axis", kLeft, kTop + kPlotHeight, kWidth - kRight, kTop + kPlotHeight);
  const std::int64_t step = std::max<std::int64_t>(1, (axis.count + 6) / 7);
  for (std::int64_t i = 0; i < axis.count; i += step) {
    const double x = axis.X(axis.first + i);
    out += Line("axis", x, kTop + kPlotHeight, x, kTop + kPlotHeight + 5);
    out += Label(x, kTop + kPlotHeight + 19, i == 0 ? "start" : "middle",
                 TickText(axis, axis.first + i));
  }
  return out + Label(kWidth - kRight, kHeight - 4, "end", "time, UTC");
}

std::string Figure(const char* title, const std::string& summary, const std::string& legend,
                   const std::string& drawing) {
  return std::string("<figure><strong>") + HtmlText(title) + "</strong><div class=\"legend\">" +
         legend + "</div>\n<svg viewBox=\"0 0 " + std::to_string(static_cast<int>(kWidth)) + " " +
         std::to_string(static_cast<int>(kHeight)) + "\" role=\"img\" aria-label=\"" +
         HtmlText(std::string(title) + ". " + summary) + "\">\n" + drawing +
         "\n</svg><figcaption>" + HtmlText(summary) + "</figcaption></figure>\n";
}

std::string Legend(const char* color, const char* text) {
  return std::string("<span><i style=\"background:var(--") + color + ")\"></i>" + HtmlText(text) +
         "</span>";
}

// 1, 2 or 5 times a power of ten, so that about four lines fit.
std::uint64_t NiceStep(std::uint64_t most) {
  std::uint64_t step = 1;
  for (;; step *= 10)
    for (const std::uint64_t factor : {1U, 2U, 5U})
      if (most / (step * factor) <= 5) return step * factor;
}

std::string Bars(const Axis& axis, const TimeSeries& series, std::uint64_t most) {
  std::string out;
  const double gap = axis.bar() > 3 ? 1 : 0;
  for (const auto& [number, slot] : series.slots()) {
    double y = kTop + kPlotHeight;
    const std::array<std::pair<const char*, std::uint64_t>, 4> parts = {
        {{"f-ok", slot.ok},
         {"f-none", slot.unanswered},
         {"f-err", slot.errors},
         {"f-deny", slot.denied}}};
    out += "<g><title>" + HtmlText(ShowTime(number * axis.width_us, 3)) + ": " +
           Thousands(slot.total()) + " commands, " + Thousands(slot.errors) + " errors, " +
           Thousands(slot.denied) + " denied</title>";
    for (const auto& [style, count] : parts) {
      if (count == 0) continue;
      // What happened at all is seen.
      const double height =
          std::max(1.0, kPlotHeight * static_cast<double>(count) / static_cast<double>(most));
      y -= height;
      out += std::string("<rect class=\"") + style + "\" x=\"" + Number(axis.X(number)) +
             "\" y=\"" + Number(y) + "\" width=\"" + Number(std::max(0.5, axis.bar() - gap)) +
             "\" height=\"" + Number(height) + "\"/>";
    }
    out += "</g>\n";
  }
  return out;
}

// One line of a chart; it is interrupted where nothing happened.
template <class Y>
std::string Curve(const char* name, const Axis& axis, const TimeSeries& series, double part,
                  const Y& y_of) {
  std::string path, dots;
  std::int64_t before = INT64_MIN;
  for (const auto& [number, slot] : series.slots()) {
    if (slot.us.count() == 0) continue;
    const std::int64_t value = slot.us.Quantile(part);
    const std::string x = Number(axis.X(number) + axis.bar() / 2), y = Number(y_of(value));
    path += (before == number - 1 ? "L" : "M") + x + " " + y;
    before = number;
    dots += std::string("<circle class=\"f-") + name + "\" cx=\"" + x + "\" cy=\"" + y +
            "\" r=\"2.5\"><title>" + HtmlText(ShowTime(number * axis.width_us, 3)) + ": " + name +
            " " + ShowDuration(value) + "</title></circle>";
  }
  return std::string("<path class=\"l-") + name + "\" d=\"" + path + "\"/>" + dots;
}

}  // namespace

std::string CommandsChart(const TimeSeries& series) {
  if (series.slots().empty()) return {};
  const Axis axis(series);
  std::uint64_t most = 1;
  for (const auto& [number, slot] : series.slots()) most = std::max(most, slot.total());
  const std::uint64_t highest = most;
  const std::uint64_t step = NiceStep(most);
  most = (most + step - 1) / step * step;
  std::string drawing;
  for (std::uint64_t value = 0; value <= most; value += step) {
    const double y =
        kTop + kPlotHeight * (1 - static_cast<double>(value) / static_cast<double>(most));
    drawing += Line("grid", kLeft, y, kWidth - kRight, y) +
               Label(kLeft - 8, y + 4, "end", Thousands(value));
  }
  drawing += Bars(axis, series, most) + TimeAxis(axis);
  return Figure("Commands over time",
                "Each bar is " + ShowDuration(axis.width_us) + "; the highest is " +
                    Thousands(highest) + " commands.",
                Legend("ok", "answered") + Legend("none", "no reply") + Legend("err", "error") +
                    Legend("deny", "denied"),
                drawing);
}

std::string LatencyChart(const TimeSeries& series) {
  std::int64_t most = 0;
  for (const auto& [number, slot] : series.slots()) most = std::max(most, slot.us.Quantile(0.99));
  if (most == 0) return {};
  const Axis axis(series);
  const double decades = std::max(1.0, std::ceil(std::log10(static_cast<double>(most))));
  const auto y_of = [decades](std::int64_t us) {
    const double height = std::log10(static_cast<double>(std::max<std::int64_t>(us, 1))) / decades;
    return kTop + kPlotHeight * (1 - height);
  };
  std::string drawing;
  std::int64_t value = 1;
  for (int i = 0; i <= static_cast<int>(decades); ++i, value *= 10)
    drawing +=
        Line("grid", kLeft, y_of(value), kWidth - kRight, y_of(value)) +
        Label(kLeft - 8, y_of(value) + 4, "end",
              value < 1000      ? std::to_string(value) + " µs"
              : value < kSecond ? std::to_string(value / 1000) + " ms"
                                : Thousands(static_cast<std::uint64_t>(value / kSecond)) + " s");
  drawing += Curve("p99", axis, series, 0.99, y_of) + Curve("p50", axis, series, 0.5, y_of) +
             TimeAxis(axis);
  return Figure("Time to the reply",
                "From a command's arrival at the agent to its reply's first byte, in pieces of " +
                    ShowDuration(axis.width_us) + "; logarithmic scale.",
                Legend("p50", "half of the commands were faster (p50)") +
                    Legend("p99", "99 % were faster (p99)"),
                drawing);
}

}  // namespace redwall::audit
