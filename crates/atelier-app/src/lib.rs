//! What commands of the program stand on: settings and where things lie, what is printed, Ctrl-C, devices with their memory and
//! speed, base models, the embedded one among them, where results are written, and the settings of a training with where these
//! come from.

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
pub mod target;
pub mod train_settings;

pub use env_vars::ATELIER_HOME;
