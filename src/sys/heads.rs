//! Heads on their way to ureq: put right by [`head`] before they are read, whatever carries them. Bodies pass as they are.

use cloudseed_core::outside::head;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

/// Longest answer head, status line and headers together, in bytes.
pub const HEAD_BYTES_MAX: usize = 64 << 10;

/// What stands between ureq and the connection.
#[derive(Debug)]
pub struct Heads;

impl<In: Transport> Connector<In> for Heads {
    type Out = Upright<In>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Upright<In>>, ureq::Error> {
        Ok(chained.map(|transport| Upright {
            transport,
            buffers: LazyBuffers::new(
                details.config.input_buffer_size(),
                details.config.output_buffer_size(),
            ),
            in_head: false,
        }))
    }
}

/// A connection whose heads are put right.
#[derive(Debug)]
pub struct Upright<In> {
    transport: In,
    buffers: LazyBuffers,
    /// From a request until its answer's head is there.
    in_head: bool,
}

impl<In: Transport> Upright<In> {
    /// A whole head; what is none, or has no end, is left to ureq to complain of.
    fn head(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        loop {
            let input = self.transport.buffers().input();
            if let Some(head) = head::length(input).and_then(|length| input.get(..length)) {
                self.in_head = head::is_interim(head);
                let (length, mended) = (head.len(), head::mended(head));
                self.transport.buffers().input_consume(length);
                let room = self.buffers.input_append_buf().get_mut(..mended.len());
                let Some(room) = room else { return Ok(false) };
                room.copy_from_slice(&mended);
                self.buffers.input_appended(mended.len());
                return Ok(true);
            }
            let is_none = !head::may_begin(input) || input.len() > HEAD_BYTES_MAX;
            if is_none || !self.transport.await_input(timeout)? {
                self.in_head = false;
                return Ok(self.pass());
            }
        }
    }

    /// What has come; whether that was anything.
    fn pass(&mut self) -> bool {
        let input = self.transport.buffers().input();
        let room = self.buffers.input_append_buf();
        let count = input.len().min(room.len());
        if let (Some(room), Some(input)) = (room.get_mut(..count), input.get(..count)) {
            room.copy_from_slice(input);
        }
        self.transport.buffers().input_consume(count);
        self.buffers.input_appended(count);
        count > 0
    }
}

impl<In: Transport> Transport for Upright<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.in_head = true;
        let mut output = self.buffers.output().get(..amount).unwrap_or_default();
        while !output.is_empty() {
            let room = self.transport.buffers().output();
            let count = output.len().min(room.len());
            let (now, later) = output.split_at(count);
            if let Some(room) = room.get_mut(..count) {
                room.copy_from_slice(now);
            }
            self.transport.transmit_output(count, timeout)?;
            output = later;
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        if self.in_head {
            return self.head(timeout);
        }
        if self.transport.buffers().input().is_empty() && !self.transport.await_input(timeout)? {
            return Ok(false);
        }
        Ok(self.pass())
    }

    fn is_open(&mut self) -> bool {
        self.transport.is_open()
    }

    fn is_tls(&self) -> bool {
        self.transport.is_tls()
    }
}
