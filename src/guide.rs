// The pages lie in `docs/`, where the definitions at their ends make their links lead to files. Of two definitions the
// first counts: `links.md` makes them lead to pages here.
#![cfg_attr(not(doctest), doc = include_str!("links.md"))]
#![doc = include_str!("../docs/README.md")]

#[cfg_attr(not(doctest), doc = include_str!("links.md"))]
#[doc = include_str!("../docs/first-pipeline.md")]
pub mod first_pipeline {}

#[cfg_attr(not(doctest), doc = include_str!("links.md"))]
#[doc = include_str!("../docs/thinking-in-flows.md")]
pub mod thinking_in_flows {}

#[cfg_attr(not(doctest), doc = include_str!("links.md"))]
#[doc = include_str!("../docs/time-and-testing.md")]
pub mod time_and_testing {}

#[cfg_attr(not(doctest), doc = include_str!("links.md"))]
#[doc = include_str!("../docs/groups-and-windows.md")]
pub mod groups_and_windows {}

#[cfg_attr(not(doctest), doc = include_str!("links.md"))]
#[doc = include_str!("../docs/failure.md")]
pub mod failure {}

#[cfg_attr(not(doctest), doc = include_str!("links.md"))]
#[doc = include_str!("../docs/sharing.md")]
pub mod sharing {}

#[cfg_attr(not(doctest), doc = include_str!("links.md"))]
#[doc = include_str!("../docs/state.md")]
pub mod state {}

#[cfg_attr(not(doctest), doc = include_str!("links.md"))]
#[doc = include_str!("../docs/delivery.md")]
pub mod delivery {}

#[cfg_attr(not(doctest), doc = include_str!("links.md"))]
#[doc = include_str!("../docs/writing-an-operator.md")]
pub mod writing_an_operator {}

#[cfg_attr(not(doctest), doc = include_str!("links.md"))]
#[doc = include_str!("../docs/query.md")]
pub mod query {}

#[cfg_attr(not(doctest), doc = include_str!("links.md"))]
#[doc = include_str!("../docs/workers.md")]
pub mod workers {}

#[cfg_attr(not(doctest), doc = include_str!("links.md"))]
#[doc = include_str!("../docs/resharding.md")]
pub mod resharding {}
