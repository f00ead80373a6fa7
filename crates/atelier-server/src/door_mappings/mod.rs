//! Other houses' clients name models that are not here. A table in the library says which base stands for each of their words;
//! a word that is not in it means the usual base.

pub(crate) mod lookup;
pub(crate) mod table;
pub(crate) mod words;
