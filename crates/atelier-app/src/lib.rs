//! What commands of the program stand on: settings and where things lie, what is printed, Ctrl-C, devices with their memory and
//! speed, and base models, the embedded one among them.

pub mod bases;
pub mod context;
pub mod device;
pub mod embedded;
mod env_vars;
pub mod memory;
pub mod output;
pub mod progress_bar;
pub mod settings;
pub mod stopwatch;

pub use env_vars::ATELIER_HOME;
