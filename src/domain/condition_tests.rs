//! The CLASS table, row by row.
