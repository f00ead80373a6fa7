//! Jobs, what they draw, and what is heard of them.

mod drawings;
mod events;
mod jobs;
mod pictures;
mod rounds;
mod start_pictures;
