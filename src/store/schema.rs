//! The tables, as diesel sees them. `migrations/` makes them; a test holds the two together.

diesel::table! {
    settings (name) {
        name -> Text,
        value -> Text,
    }
}

diesel::table! {
    directories (id) {
        id -> Text,
        name -> Text,
        name_folded -> Text,
        kind -> Text,
        dialect -> Text,
        password_allowed -> Bool,
        created_at -> BigInt,
        modified_at -> BigInt,
    }
}

diesel::table! {
    resources (id) {
        id -> Text,
        directory_id -> Text,
        resource_type -> Text,
        user_name -> Nullable<Text>,
        user_name_folded -> Nullable<Text>,
        external_id -> Nullable<Text>,
        display_name -> Nullable<Text>,
        display_name_folded -> Nullable<Text>,
        active -> Bool,
        version -> BigInt,
        created_at -> BigInt,
        modified_at -> BigInt,
        document -> Text,
    }
}

diesel::table! {
    resource_counts (directory_id, resource_type, stripe) {
        directory_id -> Text,
        resource_type -> Text,
        stripe -> Integer,
        count -> BigInt,
    }
}

diesel::table! {
    memberships (group_id, member_id) {
        group_id -> Text,
        member_id -> Text,
        directory_id -> Text,
        member_type -> Text,
        display -> Nullable<Text>,
    }
}

diesel::table! {
    indexed_values (resource_id, attribute, value) {
        resource_id -> Text,
        attribute -> Text,
        value -> Text,
        directory_id -> Text,
        resource_type -> Text,
    }
}

diesel::table! {
    unique_values (directory_id, resource_type, attribute, value) {
        directory_id -> Text,
        resource_type -> Text,
        attribute -> Text,
        value -> Text,
        resource_id -> Text,
    }
}

diesel::table! {
    credentials (id) {
        id -> Text,
        kind -> Text,
        hash -> Binary,
        prefix -> Text,
        name -> Text,
        directory_id -> Nullable<Text>,
        owner_id -> Nullable<Text>,
        product_id -> Nullable<Text>,
        scopes -> Text,
        allowed_networks -> Text,
        created_at -> BigInt,
        creator_id -> Nullable<Text>,
        creator_user_name -> Nullable<Text>,
        creator_display_name -> Nullable<Text>,
        expires_at -> BigInt,
        idle_expires_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
        last_used_ip -> Nullable<Text>,
        predecessor_id -> Nullable<Text>,
        successor_id -> Nullable<Text>,
        overlap_hours -> Nullable<BigInt>,
        retires_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
        revoked_reason -> Nullable<Text>,
        orphaned_at -> Nullable<BigInt>,
        orphaned_reason -> Nullable<Text>,
        second_factor_at -> Nullable<BigInt>,
        service_account_id -> Nullable<Text>,
        instance_ids -> Text,
        requests_per_second -> Nullable<Integer>,
        orphan_policy_id -> Nullable<Text>,
    }
}

diesel::table! {
    service_accounts (id) {
        id -> Text,
        name -> Text,
        name_folded -> Text,
        purpose -> Text,
        address -> Text,
        owner_id -> Nullable<Text>,
        owner_user_name -> Nullable<Text>,
        owner_display_name -> Nullable<Text>,
        active -> Bool,
        created_at -> BigInt,
        modified_at -> BigInt,
        disabled_at -> Nullable<BigInt>,
        orphaned_at -> Nullable<BigInt>,
        orphaned_reason -> Nullable<Text>,
    }
}

diesel::table! {
    product_instances (id) {
        id -> Text,
        product_id -> Text,
        name -> Text,
        name_folded -> Text,
        url -> Nullable<Text>,
        created_at -> BigInt,
        modified_at -> BigInt,
    }
}

diesel::table! {
    passwords (person_id) {
        person_id -> Text,
        hash -> Text,
        set_at -> BigInt,
        set_by -> Text,
        roles -> Text,
    }
}

diesel::table! {
    second_factors (person_id) {
        person_id -> Text,
        secret -> Text,
        created_at -> BigInt,
        confirmed_at -> Nullable<BigInt>,
        last_step -> Nullable<BigInt>,
    }
}

diesel::table! {
    recovery_codes (person_id, hash) {
        person_id -> Text,
        hash -> Text,
        used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    role_assignments (person_id, role) {
        person_id -> Text,
        role -> Text,
        granted_at -> BigInt,
        granted_by -> Nullable<Text>,
    }
}

diesel::table! {
    role_mappings (id) {
        id -> Text,
        directory_id -> Text,
        group_id -> Text,
        role -> Text,
        created_at -> BigInt,
        created_by -> Nullable<Text>,
    }
}

diesel::table! {
    products (id) {
        id -> Text,
        name -> Text,
        name_folded -> Text,
        scopes -> Text,
        created_at -> BigInt,
        modified_at -> BigInt,
        access_groups -> Text,
    }
}

diesel::table! {
    authentication_policies (id) {
        id -> Text,
        name -> Text,
        name_folded -> Text,
        rank -> BigInt,
        is_default -> Bool,
        settings -> Text,
        pending -> Nullable<Text>,
        pending_at -> Nullable<BigInt>,
        created_at -> BigInt,
        modified_at -> BigInt,
    }
}

diesel::table! {
    policy_members (policy_id, member_id) {
        policy_id -> Text,
        member_id -> Text,
        member_type -> Text,
        added_at -> BigInt,
    }
}

diesel::table! {
    inactivity_notices (credential_id) {
        credential_id -> Text,
        unused_since -> BigInt,
        told_at -> BigInt,
    }
}

diesel::table! {
    audit_events (id) {
        id -> Text,
        at -> BigInt,
        action -> Text,
        directory_id -> Nullable<Text>,
        actor_kind -> Text,
        actor_credential_id -> Nullable<Text>,
        actor_person_id -> Nullable<Text>,
        actor_name -> Nullable<Text>,
        target_type -> Nullable<Text>,
        target_id -> Nullable<Text>,
        target_name -> Nullable<Text>,
        outcome -> Text,
        source_ip -> Nullable<Text>,
        detail -> Text,
    }
}

diesel::table! {
    audit_pending (event_id) {
        event_id -> Text,
    }
}

diesel::table! {
    audit_chain (position) {
        position -> BigInt,
        event_id -> Text,
        previous_hash -> Text,
        digest -> Text,
        hash -> Text,
    }
}

diesel::table! {
    audit_anchors (position) {
        position -> BigInt,
        hash -> Text,
        removed_before -> BigInt,
        made_at -> BigInt,
        seal -> Text,
    }
}

diesel::table! {
    receipts (id) {
        id -> Text,
        directory_id -> Nullable<Text>,
        person_id -> Text,
        user_name -> Nullable<Text>,
        display_name -> Nullable<Text>,
        reason -> Text,
        requested_at -> BigInt,
        effective_at -> BigInt,
        actor_kind -> Text,
        actor_credential_id -> Nullable<Text>,
        actor_name -> Nullable<Text>,
        revoked -> Text,
        orphaned -> Text,
    }
}

diesel::table! {
    deleted_people (id) {
        id -> Text,
        directory_id -> Text,
        resource_type -> Text,
        user_name -> Nullable<Text>,
        external_id -> Nullable<Text>,
        display_name -> Nullable<Text>,
        active -> Bool,
        version -> BigInt,
        created_at -> BigInt,
        modified_at -> BigInt,
        document -> Text,
        group_ids -> Text,
        deleted_at -> BigInt,
        actor_kind -> Text,
        actor_credential_id -> Nullable<Text>,
        actor_name -> Nullable<Text>,
    }
}

diesel::table! {
    deprovisioning_counts (directory_id, span, stripe) {
        directory_id -> Text,
        span -> BigInt,
        stripe -> Integer,
        count -> BigInt,
    }
}

diesel::table! {
    mass_alarms (directory_id) {
        directory_id -> Text,
        alarmed_at -> BigInt,
        lifted_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    notices (id) {
        id -> Text,
        at -> BigInt,
        kind -> Text,
        directory_id -> Nullable<Text>,
        subject -> Text,
        detail -> Text,
        read_at -> Nullable<BigInt>,
        delivered_at -> Nullable<BigInt>,
        attempts -> Integer,
        person_id -> Nullable<Text>,
        distributed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    webhooks (id) {
        id -> Text,
        url -> Text,
        kinds -> Text,
        active -> Bool,
        secret -> Text,
        previous_secret -> Nullable<Text>,
        previous_secret_until -> Nullable<BigInt>,
        created_at -> BigInt,
        modified_at -> BigInt,
    }
}

diesel::table! {
    deliveries (id) {
        id -> Text,
        notice_id -> Text,
        channel -> Text,
        target -> Text,
        kind -> Text,
        state -> Text,
        attempts -> Integer,
        created_at -> BigInt,
        next_attempt_at -> BigInt,
        give_up_at -> BigInt,
        claimed_until -> Nullable<BigInt>,
        delivered_at -> Nullable<BigInt>,
        last_error -> Nullable<Text>,
        last_status -> Nullable<Integer>,
    }
}

diesel::table! {
    sent_notices (subject_id, kind, threshold) {
        subject_id -> Text,
        kind -> Text,
        threshold -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    scim_requests (id) {
        id -> Text,
        directory_id -> Text,
        at -> BigInt,
        credential_id -> Text,
        method -> Text,
        path -> Text,
        status -> Integer,
        outcome -> Text,
        changed -> Text,
        leniencies -> Text,
        duration_micros -> BigInt,
    }
}

diesel::table! {
    leniency_counts (directory_id, leniency) {
        directory_id -> Text,
        leniency -> Text,
        count -> BigInt,
        last_at -> BigInt,
    }
}

diesel::table! {
    signing_keys (id) {
        id -> Text,
        generation -> BigInt,
        algorithm -> Text,
        public_jwk -> Text,
        private_key -> Nullable<Text>,
        created_at -> BigInt,
        activates_at -> BigInt,
        retires_at -> Nullable<BigInt>,
        ends_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    registered_keys (credential_id) {
        credential_id -> Text,
        key_id -> Text,
        thumbprint -> Text,
        algorithm -> Text,
        public_jwk -> Text,
    }
}

diesel::table! {
    used_assertions (issuer, jti) {
        issuer -> Text,
        jti -> Text,
        expires_at -> BigInt,
    }
}

diesel::table! {
    session_confirmations (session_id) {
        session_id -> Text,
        confirmed_at -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    authentication_policies,
    credentials,
    directories,
    indexed_values,
    inactivity_notices,
    memberships,
    passwords,
    policy_members,
    product_instances,
    products,
    registered_keys,
    resources,
    role_assignments,
    role_mappings,
    service_accounts,
);

diesel::allow_tables_to_appear_in_same_query!(audit_chain, audit_events);
diesel::allow_tables_to_appear_in_same_query!(deliveries, notices);
