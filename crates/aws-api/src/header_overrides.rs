//! Parameters by which who asks S3 for an object says what headers of the reply are to be (Amazon
//! S3 API Reference, "GetObject": `response-*`).

/// Without `response-` they are the headers' names.
pub(crate) const HEADER_OVERRIDES: [&str; 6] = [
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
];
