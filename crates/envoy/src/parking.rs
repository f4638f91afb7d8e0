//! Requests that wait for keys: bounded in number and time, and shared out fairly among clients.

use std::collections::BTreeMap;

/// Milliseconds that a request waits at most; then it is judged with what is there.
const MAX_WAIT: u64 = 10_000;

/// Whoever shares an address, as far as Envoy knows it.
pub(crate) type Client = Option<u128>;

/// The waiting requests of one plugin.
#[derive(Debug, Default)]
pub(crate) struct Parking {
    capacity: usize,
    /// In the order of their coming.
    waiting: Vec<Waiting>,
    /// How many of them each client has.
    clients: BTreeMap<Client, usize>,
}

#[derive(Debug)]
struct Waiting {
    context: u32,
    since: u64,
    client: Client,
}

/// What becomes of a request that would wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Free,
    /// That of another request, which waits no longer.
    Of(u32),
    None,
}

impl Parking {
    pub(crate) const fn new(capacity: usize) -> Self {
        Self { capacity, waiting: Vec::new(), clients: BTreeMap::new() }
    }

    /// Finds a place. Where all are taken, a client gets one of the client with the most if it has fewer even then:
    /// nobody keeps out others by coming often. The newest goes: it has waited least.
    pub(crate) fn find_place(&mut self, client: Client) -> Place {
        if self.waiting.len() < self.capacity {
            return Place::Free;
        }
        let own = self.clients.get(&client).copied().unwrap_or(0);
        let Some((largest, count)) = self.clients.iter().max_by_key(|(_, count)| **count) else { return Place::None };
        if own.saturating_add(1) >= *count {
            return Place::None;
        }
        let newest = self.waiting.iter().rposition(|waiting| waiting.client == *largest);
        let Some(context) = newest.and_then(|index| self.waiting.get(index)).map(|waiting| waiting.context) else {
            return Place::None;
        };
        self.forget(context);
        Place::Of(context)
    }

    /// A request begins to wait.
    pub(crate) fn park(&mut self, context: u32, client: Client, uptime: u64) {
        self.waiting.push(Waiting { context, since: uptime, client });
        let count = self.clients.entry(client).or_default();
        *count = count.saturating_add(1);
    }

    /// A request has gone.
    pub(crate) fn forget(&mut self, context: u32) {
        self.take_out(|waiting| waiting.context == context);
    }

    /// Takes out all, or only those that have waited long enough.
    pub(crate) fn take(&mut self, all: bool, uptime: u64) -> Vec<u32> {
        self.take_out(|waiting| all || uptime.saturating_sub(waiting.since) >= MAX_WAIT)
    }

    fn take_out(&mut self, chosen: impl Fn(&Waiting) -> bool) -> Vec<u32> {
        let taken: Vec<_> = self.waiting.extract_if(.., |waiting| chosen(waiting)).collect();
        for waiting in &taken {
            if let Some(count) = self.clients.get_mut(&waiting.client) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.clients.remove(&waiting.client);
                }
            }
        }
        taken.into_iter().map(|waiting| waiting.context).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Parking, Place};

    #[test]
    fn waiting_is_bounded_in_number_and_time() {
        let mut parking = Parking::new(2);
        parking.park(1, None, 0);
        assert_eq!(parking.find_place(None), Place::Free);
        parking.park(2, None, 5_000);
        assert_eq!(parking.find_place(None), Place::None);
        assert!(parking.take(false, 9_999).is_empty());
        assert_eq!(parking.take(false, 10_000), [1]);
        assert_eq!(parking.find_place(None), Place::Free);
        parking.forget(2);
        assert!(parking.take(true, 10_000).is_empty());
        assert!(parking.clients.is_empty());
    }

    #[test]
    fn where_nobody_may_wait_there_is_no_place() {
        assert_eq!(Parking::new(0).find_place(Some(1)), Place::None);
    }

    #[test]
    fn a_client_that_comes_often_keeps_out_nobody() {
        let mut parking = Parking::new(10);
        for context in 0..10 {
            parking.park(context, Some(1), 0);
        }
        assert_eq!(parking.find_place(Some(1)), Place::None);
        // Up to half for the second client, and the newest of the first go.
        for context in 10..15 {
            assert_eq!(parking.find_place(Some(2)), Place::Of(19 - context));
            parking.park(context, Some(2), 0);
        }
        assert_eq!(parking.find_place(Some(2)), Place::None);
        assert_eq!(parking.find_place(Some(1)), Place::None);
        // A third one gets its part of both: 4, 3 and 3.
        for context in 15..18 {
            assert!(matches!(parking.find_place(Some(3)), Place::Of(_)), "{context}");
            parking.park(context, Some(3), 0);
        }
        assert_eq!(parking.find_place(Some(3)), Place::None);
        assert_eq!(parking.waiting.len(), 10);
        let counts: Vec<_> = parking.clients.values().copied().collect();
        assert_eq!(counts.iter().sum::<usize>(), 10);
        assert!(counts.iter().all(|count| (3..=4).contains(count)), "{counts:?}");
        // Whoever has left takes nobody's place.
        parking.forget(0);
        assert_eq!(parking.find_place(Some(1)), Place::Free);
    }
}
