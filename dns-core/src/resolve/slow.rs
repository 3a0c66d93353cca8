//! Queries that are not the usual kind: read by `hickory-proto`, then answered like the others, or told
//! what is wrong with them.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::serialize::binary::BinEncodable;

use super::Shared;
use super::serve::{Served, Transport};
use crate::answer::write_error;
use crate::message::{HEADER, OPCODE, QR, RD, Rcode, put_u16, u16_at};
use crate::question::{Edns, Query, Unusual};
use crate::record_type::{Class, RecordType};

impl Shared {
    pub(super) fn serve_unusual(
        &self,
        now: Duration,
        client: IpAddr,
        wire: &[u8],
        unusual: Unusual,
        transport: Transport,
        out: &mut [u8],
    ) -> Served {
        let header = |rcode, out: &mut [u8]| Served::Answer {
            len: write_header(wire, rcode, out),
            prefetch: false,
        };
        match unusual {
            // Answering answers makes loops; without a header there is nobody to answer.
            Unusual::Response => return self.drop_it(),
            _ if wire.len() < HEADER || out.len() < HEADER => return self.drop_it(),
            Unusual::Opcode(_) => return header(Rcode::NOTIMP, out),
            Unusual::Questions(_) => return header(Rcode::FORMERR, out),
            _ => {}
        }
        let Ok(message) = Message::from_vec(wire) else {
            return header(Rcode::FORMERR, out);
        };
        let [question] = &message.queries[..] else {
            return header(Rcode::FORMERR, out);
        };
        let Ok(mut name) = question.name().to_bytes() else {
            return header(Rcode::FORMERR, out);
        };
        // The spelling is the asker's; only the final zero is not always written for relative names.
        if name.last() != Some(&0) {
            name.push(0);
        }
        let query = Query {
            id: message.metadata.id,
            name: &name,
            rtype: RecordType(question.query_type().into()),
            class: Class(question.query_class().into()),
            recursion_desired: message.metadata.recursion_desired,
            authentic_data: message.metadata.authentic_data,
            checking_disabled: message.metadata.checking_disabled,
            edns: message.edns.as_ref().map(|edns| Edns {
                udp_size: edns.max_payload(),
                dnssec_ok: edns.flags().dnssec_ok,
                options: &[],
            }),
        };
        let envelope = self.envelope(now, Some(client), &query, transport);
        let patch = envelope.patch();
        let len = match message.edns.as_ref().map(hickory_proto::op::Edns::version) {
            // BADVERS is 16: one in the upper bits (RFC 6891 §6.1.3).
            Some(1..) => write_error(&query, Rcode::NOERROR, 1, &patch, out),
            // No key of ours signed it (RFC 8945 §5.2).
            _ if message.signature.is_some() => write_error(&query, Rcode::NOTAUTH, 0, &patch, out),
            // Others are not asked on account of an unusual query: what is known here has to do.
            _ => {
                let resolve = Shared::resolve_alone;
                return self.serve_query(now, client, &query, transport, out, resolve);
            }
        };
        Served::Answer { len, prefetch: false }
    }

    fn drop_it(&self) -> Served {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        Served::Nothing
    }
}

/// A response that is nothing but a header, for what cannot be repeated back. Both slices hold one.
fn write_header(wire: &[u8], rcode: Rcode, out: &mut [u8]) -> usize {
    let flags = u16_at(wire, 2).unwrap_or(0);
    out[..HEADER].fill(0);
    out[..2].copy_from_slice(&wire[..2]);
    put_u16(out, 2, QR | flags & (OPCODE | RD) | u16::from(rcode.0));
    HEADER
}
