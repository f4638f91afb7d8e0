//! The contexts of this VM: its plugins, and their requests from arrival to verdict.

use std::collections::BTreeMap;

use crate::{
    connection,
    filter::{self, Action},
    host::{Host, HostError, Level},
    parking::Place,
    plugin::Plugin,
};

/// All contexts of the VM. Several filters may share one VM, each with its own configuration.
#[derive(Default)]
pub(crate) struct Plugins {
    plugins: BTreeMap<u32, Option<Plugin>>,
    /// The plugin of each request.
    requests: BTreeMap<u32, u32>,
}

impl Plugins {
    /// Begins a plugin (without parent) or a request.
    pub(crate) fn create(&mut self, context: u32, parent: u32) {
        if parent == 0 {
            self.plugins.insert(context, None);
        } else {
            self.requests.insert(context, parent);
        }
    }

    /// Ends a plugin or a request.
    pub(crate) fn delete(&mut self, host: &impl Host, context: u32) {
        match self.requests.remove(&context) {
            Some(plugin) => {
                if let Some(Some(plugin)) = self.plugins.get_mut(&plugin) {
                    plugin.parking.forget(context);
                }
            }
            None => {
                if let Some(Some(mut plugin)) = self.plugins.remove(&context) {
                    plugin.fetcher.abandon(host);
                }
            }
        }
    }

    /// Configures a plugin; false refuses the configuration, and the log says why.
    pub(crate) fn configure(&mut self, host: &impl Host, context: u32, size: usize) -> bool {
        let plugin = host
            .configuration(size)
            .map_err(|HostError| String::from("the host does not hand over the configuration"))
            .and_then(|configuration| Plugin::new(host, &configuration, self.plugins.values().flatten()));
        match plugin {
            Ok(plugin) => {
                self.plugins.insert(context, Some(plugin));
                true
            }
            Err(problem) => {
                host.log(Level::Error, &format!("datakit-token: configuration refused: {problem}"));
                false
            }
        }
    }

    /// Decides about a request.
    pub(crate) fn decide(&mut self, host: &impl Host, context: u32) -> Action {
        let mut plugin =
            self.requests.get(&context).and_then(|plugin| self.plugins.get_mut(plugin)).and_then(Option::as_mut);
        let denial = match filter::decide(host, plugin.as_deref_mut()) {
            Ok(action) => return action,
            Err(denial) => denial,
        };
        let Some(plugin) = plugin else { return Action::Answered };
        if plugin.park(host, context) {
            return Action::Wait;
        }
        filter::deny(host, plugin, &denial);
        Action::Answered
    }

    /// Time passes for a plugin.
    pub(crate) fn tick(&mut self, host: &impl Host, context: u32) {
        if let Some(Some(plugin)) = self.plugins.get_mut(&context) {
            let changed = plugin.fetcher.tick(host, &mut plugin.verifier);
            plugin.release(host, changed);
        }
    }

    /// A call of a plugin has been answered.
    pub(crate) fn answer(&mut self, host: &impl Host, context: u32, call: u32, body_size: usize) {
        if let Some(Some(plugin)) = self.plugins.get_mut(&context) {
            let changed = plugin.fetcher.answer(host, &mut plugin.verifier, call, body_size);
            plugin.release(host, changed);
        }
    }
}

impl Plugin {
    /// Lets the current request wait, if there is or can be a place for it.
    fn park(&mut self, host: &impl Host, context: u32) -> bool {
        let address = host.property(&connection::CLIENT_ADDRESS).ok().flatten();
        let client = address.and_then(|address| connection::client(&address));
        match self.parking.find_place(client) {
            Place::Free => {}
            Place::Of(other) => {
                self.let_go(host, other);
                // What follows concerns the newcomer again.
                let _ = host.set_context(context);
            }
            Place::None => return false,
        }
        self.parking.park(context, client, self.fetcher.uptime());
        true
    }

    /// Judges waiting requests again: all if keys have changed, else those that have waited long enough. Nobody waits
    /// twice.
    fn release(&mut self, host: &impl Host, changed: bool) {
        for context in self.parking.take(changed, self.fetcher.uptime()) {
            self.let_go(host, context);
        }
    }

    /// Judges a request that waits no longer.
    fn let_go(&mut self, host: &impl Host, context: u32) {
        // A request that cannot be addressed has gone.
        if host.set_context(context).is_err() {
            return;
        }
        match filter::decide(host, Some(self)) {
            // If this fails the request stays where it is, until its client or a timeout ends it.
            Ok(Action::Continue) => {
                let _ = host.resume();
            }
            Ok(_) => {}
            Err(denial) => filter::deny(host, self, &denial),
        }
    }
}
