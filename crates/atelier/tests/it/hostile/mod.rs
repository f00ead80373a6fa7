//! What nobody should have to give to the program, and what it says to it.

mod adapters;
mod pictures;
