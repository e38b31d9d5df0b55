//! The simulated day as a picture: shards above, and what was turned away below.

use std::fmt::Write as _;

use crate::simulate::{Minute, Outcome, Rule};

const WIDTH: f64 = 900.0;
const LEFT: f64 = 50.0;
const RIGHT: f64 = 20.0;
/// Top and bottom of either panel.
const SHARDS: (f64, f64) = (50.0, 280.0);
const AWAY: (f64, f64) = (330.0, 450.0);
const HEIGHT: f64 = 490.0;
/// What is drawn of a day: as many points as an eye can tell apart.
const MINUTES: usize = 5;

/// A panel: where it stands, and what its upper edge means.
struct Panel {
    edges: (f64, f64),
    most: f64,
}

impl Panel {
    fn y(&self, value: f64) -> f64 {
        let (top, bottom) = self.edges;
        bottom - (bottom - top) * (value / self.most).min(1.0)
    }

    /// A line through the values of a day, with a point where it turns.
    fn path(&self, values: &[f64]) -> String {
        let step = (WIDTH - LEFT - RIGHT) / values.len() as f64;
        let (mut path, mut before) = (String::new(), String::new());
        for (n, value) in values.iter().enumerate() {
            let (x, y) = (LEFT + step * n as f64, format!("{:.1}", self.y(*value)));
            if y != before {
                let edge = if n == 0 { String::new() } else { format!("{x:.1},{before} ") };
                path.push_str(&format!("{edge}{x:.1},{y} "));
                before = y;
            }
        }
        format!("{path}{:.1},{before}", WIDTH - RIGHT)
    }

    fn grid(&self, svg: &mut String, title: &str, every: f64, unit: &str) {
        let (top, bottom) = self.edges;
        let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"{:.0}\" class=\"title\">{title}</text>", top - 10.0);
        let mut value = 0.0;
        while value <= self.most {
            let y = self.y(value);
            let _ = writeln!(svg, "<line x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>", WIDTH - RIGHT);
            let x = LEFT - 8.0;
            let _ = writeln!(svg, "<text x=\"{x:.0}\" y=\"{:.1}\" class=\"left\">{value}{unit}</text>", y + 4.0);
            value += every;
        }
        for hour in (0..=24).step_by(3) {
            let x = LEFT + (WIDTH - LEFT - RIGHT) * f64::from(hour) / 24.0;
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{:.0}\" class=\"below\">{hour:02}:00</text>", bottom + 16.0);
        }
    }
}

/// The greatest value of each five minutes.
fn values(minutes: &[Minute], of: impl Fn(&Minute) -> f64) -> Vec<f64> {
    minutes.chunks(MINUTES).map(|chunk| chunk.iter().map(&of).fold(0.0, f64::max)).collect()
}

/// Draws the day.
pub(crate) fn svg(outcomes: &[Outcome]) -> String {
    let shards = Panel { edges: SHARDS, most: 16.0 };
    let away = Panel { edges: AWAY, most: 40.0 };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<style>rect {{ fill: #fff }} line {{ stroke: #ddd }} text {{ fill: #333 }} \
         .title {{ font-weight: bold }} .left {{ text-anchor: end }} .below {{ text-anchor: middle }} \
         polyline {{ fill: none; stroke-width: 1.6 }} .needed {{ fill: #cfe3f5 }}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n"
    );
    if let Some(any) = outcomes.first() {
        let needed = shards.path(&values(&any.minutes, |minute| minute.came / 1_000.0));
        let (bottom, right) = (SHARDS.1, WIDTH - RIGHT);
        let _ = writeln!(svg, "<polygon class=\"needed\" points=\"{LEFT},{bottom} {needed} {right},{bottom}\"/>");
    }
    shards.grid(&mut svg, "Shards; shaded: what the traffic would fill if it were spread evenly", 4.0, "");
    away.grid(&mut svg, "Records turned away, the worst of five minutes", 10.0, " %");
    let mut x = LEFT;
    for outcome in outcomes {
        let (color, dashes) = match outcome.rule {
            Rule::Fixed(8) => ("#999", "5 3"),
            Rule::Middle => ("#d95f02", "none"),
            Rule::Median => ("#1b6ca8", "none"),
            Rule::Fixed(_) => continue,
        };
        let style = format!("stroke=\"{color}\" stroke-dasharray=\"{dashes}\"");
        for (panel, values) in [
            (&shards, values(&outcome.minutes, |minute| minute.shards as f64)),
            (&away, values(&outcome.minutes, |minute| minute.turned_away / minute.came * 100.0)),
        ] {
            let _ = writeln!(svg, "<polyline {style} points=\"{}\"/>", panel.path(&values));
        }
        let _ = writeln!(svg, "<polyline {style} points=\"{x:.0},16 {:.0},16\"/>", x + 24.0);
        let _ = writeln!(svg, "<text x=\"{:.0}\" y=\"20\">{}</text>", x + 30.0, outcome.name());
        x += 220.0;
    }
    svg.push_str("</svg>\n");
    svg
}
