//! Messages to measure parsers with.

/// Name and text: of 256 bytes in RFC 5424 with and without structured data, and in RFC 3164.
pub const MESSAGES: [(&str, &str); 3] = [
    (
        "rfc5424",
        "<165>1 2026-08-24T05:14:15.000003-07:00 host-17.example.com billing 8710 ID47 - \
         customer 4711 fetched /objects/7f3a9c0e with status 200 in 12.5 ms from edge 17; bytes=123456 \
         cache=hit tls=1.3 cipher=TLS_AES_128_GCM_SHA256 request=01HZX3T5QK7W2 region=north",
    ),
    (
        "rfc5424 with structured data",
        "<165>1 2026-08-24T05:14:15.000003-07:00 host-17.example.com billing 8710 ID47 \
         [exampleSDID@32473 iut=\"3\" eventSource=\"Application\" eventID=\"1011\"][meta sequenceId=\"29\"] \
         customer 4711 fetched /objects/7f3a9c0e with status 200 in 12.5 ms from edge 17 (hit 1)",
    ),
    (
        "rfc3164",
        "<165>Aug 24 05:14:15 host-17 billing[8710]: customer 4711 fetched /objects/7f3a9c0e with status \
         200 in 12.5 ms from edge 17; bytes=123456 cache=hit tls=1.3 cipher=TLS_AES_128_GCM_SHA256 \
         request=01HZX3T5QK7W2 region=north-2 agent=curl/8.5.0 retries=00 hit=1",
    ),
];

/// A line of an access log.
pub const JSON: &str = "{\"time\":\"2026-08-24T05:14:15.003Z\",\"host\":\"edge-17\",\"request\":{\"method\":\"GET\",\
    \"path\":\"/objects/7f3a9c0e\",\"agent\":\"curl\\/8.5\"},\"status\":200,\"bytes\":123456,\"ms\":12.5,\
    \"cache\":true,\"customer\":\"4711\",\"tags\":[\"a\",\"b\"]}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_256_bytes() {
        for (name, text) in MESSAGES {
            assert_eq!(text.len(), 256, "{name}");
        }
    }
}
