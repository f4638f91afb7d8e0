//! Requests that wait for keys: bounded in number and time.

/// Milliseconds that a request waits at most; then it is judged with what is there.
const PATIENCE: u64 = 10_000;

/// The waiting requests of one plugin.
#[derive(Debug, Default)]
pub(crate) struct Parking {
    capacity: usize,
    /// Contexts, and since when.
    waiting: Vec<(u32, u64)>,
}

impl Parking {
    pub(crate) const fn new(capacity: usize) -> Self {
        Self { capacity, waiting: Vec::new() }
    }

    /// Whether one more may wait.
    pub(crate) const fn has_room(&self) -> bool {
        self.waiting.len() < self.capacity
    }

    /// A request begins to wait.
    pub(crate) fn park(&mut self, context: u32, uptime: u64) {
        self.waiting.push((context, uptime));
    }

    /// A request has gone.
    pub(crate) fn forget(&mut self, context: u32) {
        self.waiting.retain(|(waiting, _)| *waiting != context);
    }

    /// Takes out all, or only those that have waited long enough.
    pub(crate) fn take(&mut self, all: bool, uptime: u64) -> Vec<u32> {
        let over = |since: u64| all || uptime.saturating_sub(since) >= PATIENCE;
        let taken = self.waiting.iter().filter(|(_, since)| over(*since)).map(|(context, _)| *context).collect();
        self.waiting.retain(|(_, since)| !over(*since));
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::Parking;

    #[test]
    fn waiting_is_bounded_in_number_and_time() {
        let mut parking = Parking::new(2);
        parking.park(1, 0);
        assert!(parking.has_room());
        parking.park(2, 5_000);
        assert!(!parking.has_room());
        assert!(parking.take(false, 9_999).is_empty());
        assert_eq!(parking.take(false, 10_000), [1]);
        assert!(parking.has_room());
        parking.forget(2);
        assert!(parking.take(true, 10_000).is_empty());
    }
}
