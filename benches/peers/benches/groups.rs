//! What an event costs as more groups are open at once, and the plot of it in `docs/`.
//!
//! Counts keys in memory by hand, by `count_each` and by sub-streams, which take turns; each point is a median. Run it with
//! `cargo bench --manifest-path benches/peers/Cargo.toml --bench groups`. With `DRAW=1` it draws `docs/groups.svg` anew.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;

use anabranch_peers::input::Tally;
use anabranch_peers::jobs::in_memory;
use anabranch_peers::{median, processor_time};
use plotters::prelude::*;

const OPEN: [usize; 7] = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000];

/// Each key has at least this many items, and there are at least so many items in all.
const ITEMS: (usize, usize) = (4, 1_000_000);

const TURNS: usize = 5;

/// A way to count, by its name, and its colour, which stands out from white and from black.
type Way = (&'static str, fn(&[u64]) -> Tally, RGBColor);

const WAYS: [Way; 3] = [
    ("sub-streams", in_memory::sub_streams, RGBColor(214, 110, 40)),
    ("count_each", in_memory::count_each, RGBColor(40, 140, 200)),
    ("loop by hand", in_memory::by_hand, GREY),
];

/// Of text, axes and the loop: as far from white as from black.
const GREY: RGBColor = RGBColor(128, 128, 128);

/// Nanoseconds for an event of each way, with so many groups open.
struct Point {
    open: usize,
    spans: [f64; WAYS.len()],
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut points = Vec::new();
    println!("| groups open | by hand, ns | count_each, times that | sub-streams, times that |\n|---|---|---|---|");
    for open in OPEN {
        let keys = in_memory::keys(ITEMS.1.max(ITEMS.0 * open), open);
        let expected = in_memory::by_hand(&keys);
        let mut turns = [const { Vec::new() }; WAYS.len()];
        for _ in 0..TURNS {
            for ((_, run, _), spans) in WAYS.iter().zip(&mut turns) {
                let before = processor_time();
                assert_eq!(run(black_box(&keys)), expected);
                spans.push((processor_time() - before).as_nanos() as f64 / keys.len() as f64);
            }
        }
        let [sub_streams, count_each, by_hand] = &turns;
        let ratio = |spans: &[f64]| median(spans.iter().zip(by_hand).map(|(span, by_hand)| span / by_hand).collect());
        let (count_each, sub_streams) = (ratio(count_each), ratio(sub_streams));
        let spans = turns.map(median);
        println!("| {open} | {:.1} | {count_each:.2} | {sub_streams:.2} |", spans[2]);
        points.push(Point { open, spans });
    }
    if std::env::var_os("DRAW").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/groups.svg");
        draw(&path, &points)?;
    }
    Ok(())
}

fn draw(path: &Path, points: &[Point]) -> Result<(), Box<dyn Error>> {
    // Without a ground, so that it stands on a light page and on a dark one.
    let area = SVGBackend::new(path, (720, 420)).into_drawing_area();
    let text = |size: i32| ("sans-serif", size).into_font().color(&GREY);
    let highest = points.iter().flat_map(|point| point.spans).fold(1.0, f64::max);
    let (first, last) = (OPEN[0] as f64, OPEN[OPEN.len() - 1] as f64);
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .margin_right(28)
        .caption("What an event costs as groups grow", text(18))
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d((first..last).log_scale(), (1.0..highest * 3.0).log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GREY.mix(0.25))
        .axis_style(GREY)
        .label_style(text(13))
        .x_labels(4)
        .y_labels(5)
        .x_label_formatter(&|open| format!("10^{:.0}", open.log10()))
        .y_label_formatter(&|span| format!("{span:.0}"))
        .x_desc("groups open at once")
        .y_desc("nanoseconds of the processor an event")
        .draw()?;
    for (way, (name, _, colour)) in WAYS.iter().enumerate() {
        let line = || points.iter().map(|point| (point.open as f64, point.spans[way]));
        chart
            .draw_series(LineSeries::new(line(), colour.stroke_width(2)))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
        chart.draw_series(line().map(|point| Circle::new(point, 3, colour.filled())))?;
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).label_font(text(13)).draw()?;
    area.present()?;
    Ok(())
}
