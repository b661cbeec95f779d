//! What damage does: a clear error, never a panic, never a wrong answer.
