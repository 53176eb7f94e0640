//! RFC 7644 section 4 and RFC 7643 sections 5 to 7: what the server tells about itself.

on_both_databases!(
    /// RFC 7643 section 5.
    the_configuration_says_what_is_supported,
    |server| {
        let answer = server.scim().get("/ServiceProviderConfig").expect(200);
        for feature in ["patch", "bulk", "filter", "sort", "etag"] {
            assert_eq!(answer.body[feature]["supported"], true, "{feature}");
        }
    }
);
