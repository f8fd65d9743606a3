//! Budget: what one boot may spend on what strangers wrote, for all documents together.
//!
//! A bound of one item times a count of items is no bound. So a boot makes one [`Budget`] and hands it through decode, render,
//! merge and compile; what exceeds it costs the part, the patch or the file that did, with a warning.

use core::cell::Cell;

/// Most nodes of YAML and JSON that are held, counting what is behind an alias each time it is used; also of one document.
pub const NODES_MAX: usize = 250_000;
/// Most bytes of text that aliases and copies may add by repeating what is there; also in one document.
pub const COPIED_BYTES_MAX: usize = 16 << 20;
/// How large all parts may be together, bytes; their names, headers and origins count [`WEIGHT`] times.
pub const PARTS_BYTES_MAX: usize = 32 << 20;
/// How many bytes may be included and inflated for all of it.
pub const WORK_BYTES_MAX: usize = 128 << 20;
/// How much may be done: an element of a list that is shifted is a step, a node that is read [`NODE_STEPS`]. A step takes a few
/// nanoseconds.
pub const STEPS_MAX: usize = 1_000_000_000;
/// How large all files of the plan may be together, bytes.
pub const PLAN_BYTES_MAX: usize = 64 << 20;

/// The steps that reading a node takes.
pub const NODE_STEPS: usize = 100;
/// How often what is said of a part exists in memory and on disk, where its content exists once.
pub const WEIGHT: usize = 4;

/// What there is of one thing.
#[derive(Debug)]
pub struct Purse {
    left: Cell<usize>,
    most: usize,
}

impl Purse {
    /// A purse with so much in it.
    pub fn new(most: usize) -> Purse {
        Purse {
            left: Cell::new(most),
            most,
        }
    }

    /// Takes so much out; false, and nothing is taken, if there is less.
    #[must_use]
    pub fn take(&self, amount: usize) -> bool {
        let left = self.left.get().checked_sub(amount);
        self.left.set(left.unwrap_or(self.left.get()));
        left.is_some()
    }

    /// Takes so much, or all that is left.
    pub fn drain(&self, amount: usize) {
        self.left.set(self.left.get().saturating_sub(amount));
    }

    /// Puts back what was taken.
    pub fn put_back(&self, amount: usize) {
        self.left
            .set(self.left.get().saturating_add(amount).min(self.most));
    }

    /// How much is left.
    pub fn left(&self) -> usize {
        self.left.get()
    }

    /// How much there was at first.
    pub fn most(&self) -> usize {
        self.most
    }
}

/// What one boot may spend.
#[derive(Debug)]
pub struct Budget {
    /// Nodes of trees, up to [`NODES_MAX`].
    pub nodes: Purse,
    /// Bytes that copies repeat, up to [`COPIED_BYTES_MAX`].
    pub copied: Purse,
    /// Bytes of parts, up to [`PARTS_BYTES_MAX`].
    pub parts: Purse,
    /// Bytes that are included and inflated, up to [`WORK_BYTES_MAX`].
    pub work: Purse,
    /// Steps, up to [`STEPS_MAX`].
    pub steps: Purse,
}

impl Budget {
    /// The budget of a boot that has nowhere to write to, or of one document.
    pub fn new() -> Budget {
        Budget::of_plan(PLAN_BYTES_MAX)
    }

    /// The budget of a boot whose plan may be so large, in bytes: parts take at most half of it.
    pub fn of_plan(bytes: usize) -> Budget {
        Budget {
            nodes: Purse::new(NODES_MAX),
            copied: Purse::new(COPIED_BYTES_MAX),
            parts: Purse::new(PARTS_BYTES_MAX.min(bytes / 2)),
            work: Purse::new(WORK_BYTES_MAX),
            steps: Purse::new(STEPS_MAX),
        }
    }

    /// Takes nodes, and the steps of reading them.
    #[must_use]
    pub fn read_nodes(&self, count: usize) -> bool {
        self.steps.take(count.saturating_mul(NODE_STEPS)) && self.nodes.take(count)
    }
}

impl Default for Budget {
    fn default() -> Budget {
        Budget::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purse_gives_what_is_in_it_and_no_more() {
        let purse = Purse::new(10);
        assert!(purse.take(4) && !purse.take(7) && purse.take(6));
        assert_eq!(purse.left(), 0);
        purse.put_back(99);
        assert_eq!(purse.left(), 10);
        purse.drain(99);
        assert_eq!((purse.left(), purse.most()), (0, 10));
    }

    #[test]
    fn a_small_plan_has_small_parts() {
        assert_eq!(Budget::of_plan(1 << 20).parts.left(), 1 << 19);
        assert_eq!(Budget::of_plan(usize::MAX).parts.left(), PARTS_BYTES_MAX);
    }

    #[test]
    fn what_was_read_is_work_even_if_it_is_not_kept() {
        let budget = Budget::new();
        for _ in 0..STEPS_MAX / NODE_STEPS / NODES_MAX {
            assert!(budget.read_nodes(NODES_MAX));
            budget.nodes.put_back(NODES_MAX);
        }
        assert!(!budget.read_nodes(1));
    }
}
