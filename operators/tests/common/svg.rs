//! [`draw`]: a picture of marbles as SVG, for the operator's page.
//!
//! Lines and names have the colour of the page's text, and marbles are pale with dark letters, so one drawing serves light
//! and dark themes. The marbles stand in it as text, too, for who cannot see it.

use std::fmt::Write;

use anabranch_operators::testing::{Event, marbles};

use super::picture::{Line, Picture};

/// Width of a tick, height of a line, and radius of a marble.
const TICK: usize = 28;
const ROW: usize = 40;
const RADIUS: usize = 12;

/// Fills of marbles.
const PALE: [&str; 11] = [
    "#fbb4ae", "#b3cde3", "#ccebc5", "#decbe4", "#fed9a6", "#ffffb3", "#e5d8bd", "#fddaec", "#8dd3c7", "#bebada",
    "#b3de69",
];

/// The drawing. It has no blank line, which would end the HTML in Markdown.
pub(crate) fn draw(picture: &Picture) -> String {
    let names = picture.lines.iter().map(|line| line.name.len()).max().unwrap_or_default();
    let left = 24 + names * 8;
    let width = left + (picture.lines.iter().map(ticks).max().unwrap_or_default() + 1) * TICK;
    let call = [std::slice::from_ref(&picture.name), &*picture.captions].concat().join(", ");
    let width = width.max(24 + call.len() * 8);
    let height = (picture.lines.len() + 1) * ROW + 8;
    let text: Vec<_> = picture.lines.iter().map(|line| format!("{} {}", line.name, line.marbles)).collect();
    let spoken = escape(&format!("Marbles of {call}: {}", text.join("; ")));
    let mut svg = format!(
        "<div class=\"marbles\">\n<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"{spoken}\" \
         viewBox=\"0 0 {width} {height}\" width=\"{width}\" style=\"max-width:100%\" fill=\"none\" stroke=\"currentColor\" \
         stroke-width=\"1.5\" font-family=\"monospace\" font-size=\"13\">\n<title>{spoken}</title>\n"
    );
    let inputs = picture.lines.iter().take_while(|line| !line.is_result()).count();
    for (row, line) in picture.lines.iter().enumerate() {
        // The operator stands between what goes in and what comes out.
        let row = row + usize::from(row >= inputs);
        draw_line(&mut svg, line, opened(picture, line), left, row * ROW + ROW / 2 + 4);
    }
    let top = inputs * ROW + 8;
    let (middle, high) = (top + ROW / 2 - 4, ROW - 8);
    _ = writeln!(
        svg,
        "<rect x=\"1\" y=\"{top}\" width=\"{}\" height=\"{high}\" rx=\"6\" fill=\"currentColor\" fill-opacity=\".06\"/>\n{}",
        width - 2,
        label(&call, "currentColor", width / 2, middle)
    );
    svg.push_str("</svg>\n</div>\n");
    svg
}

/// How many ticks a line lasts, from the picture's left margin.
fn ticks(line: &Line) -> usize {
    let events = marbles::parse(&line.marbles).unwrap();
    let last = events.last().map_or(0, |(tick, _)| usize::try_from(*tick).unwrap() + 1);
    let dashes = line.marbles.chars().rev().take_while(|character| *character == '-').count();
    line.begins + last + dashes
}

/// The tick of a line's own in which it is drawn from: a sub-stream, in which it was given.
fn opened(picture: &Picture, line: &Line) -> usize {
    let out = picture.lines.iter().find(|line| line.name == "out").filter(|_| line.is_sub_stream());
    let events = out.map(|out| marbles::parse(&out.marbles).unwrap()).unwrap_or_default();
    let given = events.iter().find(|(_, event)| matches!(event, Event::Item(number) if *number == line.name.as_str()));
    given.map_or(0, |(tick, _)| usize::try_from(*tick).unwrap())
}

fn draw_line(svg: &mut String, line: &Line, opened: usize, left: usize, y: usize) {
    let at = |tick: usize| left + (line.begins + tick) * TICK;
    let events = marbles::parse(&line.marbles).unwrap();
    _ = writeln!(svg, "{}", label(&line.name, "currentColor", left / 2 - 6, y));
    // Time goes on behind a line that neither ends nor fails.
    let over = events.last().is_some_and(|(_, event)| !matches!(event, Event::Item(_)));
    let end = if over { at(usize::try_from(events.last().unwrap().0).unwrap()) } else { left + ticks(line) * TICK };
    let begins = at(opened) - RADIUS - 2;
    if over || line.name == "answer" {
        _ = writeln!(svg, "<path d=\"M{begins} {y}H{end}\"/>");
    } else {
        let (tip, above, below) = (end - 6, y - 4, y + 4);
        _ = writeln!(svg, "<path d=\"M{begins} {y}H{end}M{tip} {above}L{end} {y}L{tip} {below}\"/>");
    }
    for together in events.chunk_by(|a, b| a.0 == b.0) {
        // Several in one tick are drawn side by side in their order, around it.
        let items = together.iter().filter_map(|(_, event)| match event {
            Event::Item(item) => Some(half_width(item.as_str())),
            _ => None,
        });
        let half = items.sum::<usize>();
        let tick = at(usize::try_from(together[0].0).unwrap());
        let mut x = tick.saturating_sub(half);
        for (_, event) in together {
            match event {
                Event::Item(item) => {
                    x += half_width(item.as_str());
                    draw_item(svg, item.as_str(), x, y);
                    x += half_width(item.as_str());
                }
                Event::End => draw_end(svg, "", tick + half + if half > 0 { 3 } else { 0 }, y),
                Event::Failure(()) => draw_failure(svg, tick + half + if half > 0 { RADIUS } else { 0 }, y),
                Event::Dropped => draw_end(svg, " stroke-dasharray=\"3 3\"", tick, y),
            }
        }
    }
}

fn draw_end(svg: &mut String, style: &str, x: usize, y: usize) {
    let (above, below) = (y - RADIUS - 2, y + RADIUS + 2);
    _ = writeln!(svg, "<path d=\"M{x} {above}V{below}\" stroke-width=\"2.5\"{style}/>");
}

fn draw_failure(svg: &mut String, x: usize, y: usize) {
    let (from, to, above, below) = (x - 7, x + 7, y - 7, y + 7);
    let cross = format!("M{from} {above}L{to} {below}M{from} {below}L{to} {above}");
    _ = writeln!(svg, "<path d=\"{cross}\" stroke-width=\"2.5\"/>");
}

/// What stands in a marble: an item without its outer brackets.
fn name(item: &str) -> &str {
    item.trim_start_matches('[').trim_end_matches(']')
}

fn half_width(item: &str) -> usize {
    RADIUS.max(name(item).chars().count() * 4 + 5)
}

fn draw_item(svg: &mut String, item: &str, x: usize, y: usize) {
    // Equal items have equal colours, wherever they are; upper case as lower case, changed as they came.
    let hash = item.to_lowercase().bytes().fold(0, |hash, byte| (hash * 7 + usize::from(byte)) % 9_973);
    let fill = PALE[hash % PALE.len()];
    let half = half_width(item);
    let (from, top, width, height) = (x.saturating_sub(half), y - RADIUS, half * 2, RADIUS * 2);
    _ = writeln!(
        svg,
        "<rect x=\"{from}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"{RADIUS}\" fill=\"{fill}\" \
         stroke=\"#666\"/>\n{}",
        label(name(item), "#222", x, y)
    );
}

fn label(text: &str, colour: &str, x: usize, y: usize) -> String {
    let text = escape(text);
    format!("<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"{colour}\" stroke=\"none\">{text}</text>", y + 4)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
