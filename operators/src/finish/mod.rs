//! The ends of a flow: futures that run it and give its result.
