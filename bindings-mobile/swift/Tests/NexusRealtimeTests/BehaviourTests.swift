// Written by the test `testEveryScenarioHasItsTest`, with NEXUS_UPDATE=1, from tests/behaviour/scenarios.json.

final class BehaviourTests: ScenarioCase {
    func test_nexus_connects_and_tells_its_status() async throws {
        try await run("nexus", "connects and tells its status")
    }
    func test_node_connects_and_tells_its_status() async throws {
        try await run("node", "connects and tells its status")
    }
    func test_nexus_a_refused_token_ends_the_connecting() async throws {
        try await run("nexus", "a refused token ends the connecting")
    }
    func test_node_a_refused_token_ends_the_connecting() async throws {
        try await run("node", "a refused token ends the connecting")
    }
    func test_nexus_a_server_that_can_t_be_reached_is_sought_until_the_time_is_over() async throws {
        try await run("nexus", "a server that can't be reached is sought until the time is over")
    }
    func test_node_a_server_that_can_t_be_reached_is_sought_until_the_time_is_over() async throws {
        try await run("node", "a server that can't be reached is sought until the time is over")
    }
    func test_nexus_a_bounded_number_of_attempts_is_not_exceeded() async throws {
        try await run("nexus", "a bounded number of attempts is not exceeded")
    }
    func test_node_a_bounded_number_of_attempts_is_not_exceeded() async throws {
        try await run("node", "a bounded number of attempts is not exceeded")
    }
    func test_nexus_a_connect_that_is_given_up_is_cancelled() async throws {
        try await run("nexus", "a connect that is given up is cancelled")
    }
    func test_node_a_connect_that_is_given_up_is_cancelled() async throws {
        try await run("node", "a connect that is given up is cancelled")
    }
    func test_nexus_namespaces_are_joined_when_they_are_used_and_left() async throws {
        try await run("nexus", "namespaces are joined when they are used, and left")
    }
    func test_node_namespaces_are_joined_when_they_are_used_and_left() async throws {
        try await run("node", "namespaces are joined when they are used, and left")
    }
    func test_nexus_a_refused_namespace_disturbs_no_other() async throws {
        try await run("nexus", "a refused namespace disturbs no other")
    }
    func test_node_a_refused_namespace_disturbs_no_other() async throws {
        try await run("node", "a refused namespace disturbs no other")
    }
    func test_nexus_a_namespace_that_the_server_ends_is_left_and_joined_when_asked() async throws {
        try await run("nexus", "a namespace that the server ends is left, and joined when asked")
    }
    func test_node_a_namespace_that_the_server_ends_is_left_and_joined_when_asked() async throws {
        try await run("node", "a namespace that the server ends is left, and joined when asked")
    }
    func test_nexus_events_keep_their_order_and_their_arguments() async throws {
        try await run("nexus", "events keep their order and their arguments")
    }
    func test_node_events_keep_their_order_and_their_arguments() async throws {
        try await run("node", "events keep their order and their arguments")
    }
    func test_nexus_events_with_unusual_names_arrive_reserved_ones_are_refused() async throws {
        try await run("nexus", "events with unusual names arrive, reserved ones are refused")
    }
    func test_node_events_with_unusual_names_arrive_reserved_ones_are_refused() async throws {
        try await run("node", "events with unusual names arrive, reserved ones are refused")
    }
    func test_nexus_a_listener_that_is_removed_hears_nothing_more() async throws {
        try await run("nexus", "a listener that is removed hears nothing more")
    }
    func test_node_a_listener_that_is_removed_hears_nothing_more() async throws {
        try await run("node", "a listener that is removed hears nothing more")
    }
    func test_nexus_acknowledgements_come_both_ways() async throws {
        try await run("nexus", "acknowledgements come both ways")
    }
    func test_node_acknowledgements_come_both_ways() async throws {
        try await run("node", "acknowledgements come both ways")
    }
    func test_nexus_an_acknowledgement_that_does_not_come_times_out() async throws {
        try await run("nexus", "an acknowledgement that does not come times out")
    }
    func test_node_an_acknowledgement_that_does_not_come_times_out() async throws {
        try await run("node", "an acknowledgement that does not come times out")
    }
    func test_nexus_binary_data_is_the_same_on_the_other_side() async throws {
        try await run("nexus", "binary data is the same on the other side")
    }
    func test_node_binary_data_is_the_same_on_the_other_side() async throws {
        try await run("node", "binary data is the same on the other side")
    }
    func test_nexus_errors_have_the_same_codes_everywhere() async throws {
        try await run("nexus", "errors have the same codes everywhere")
    }
    func test_node_errors_have_the_same_codes_everywhere() async throws {
        try await run("node", "errors have the same codes everywhere")
    }
    func test_nexus_a_token_that_is_refused_is_renewed_by_the_provider() async throws {
        try await run("nexus", "a token that is refused is renewed by the provider")
    }
    func test_node_a_token_that_is_refused_is_renewed_by_the_provider() async throws {
        try await run("node", "a token that is refused is renewed by the provider")
    }
    func test_nexus_tokens_that_are_refused_again_and_again_end_the_connecting() async throws {
        try await run("nexus", "tokens that are refused again and again end the connecting")
    }
    func test_node_tokens_that_are_refused_again_and_again_end_the_connecting() async throws {
        try await run("node", "tokens that are refused again and again end the connecting")
    }
    func test_nexus_a_provider_that_fails_is_asked_again_unless_it_is_final() async throws {
        try await run("nexus", "a provider that fails is asked again, unless it is final")
    }
    func test_node_a_provider_that_fails_is_asked_again_unless_it_is_final() async throws {
        try await run("node", "a provider that fails is asked again, unless it is final")
    }
    func test_nexus_a_server_that_is_killed_and_comes_back_is_found_again_and_what_was_queued_arrives_once_and_in_order() async throws {
        try await run("nexus", "a server that is killed and comes back is found again, and what was queued arrives once and in order")
    }
    func test_node_a_server_that_is_killed_and_comes_back_is_found_again_and_what_was_queued_arrives_once_and_in_order() async throws {
        try await run("node", "a server that is killed and comes back is found again, and what was queued arrives once and in order")
    }
    func test_nexus_what_was_on_its_way_when_the_connection_broke_has_its_effect_once() async throws {
        try await run("nexus", "what was on its way when the connection broke has its effect once")
    }
    func test_nexus_what_a_server_sent_while_the_connection_was_lost_comes_after_all() async throws {
        try await run("nexus", "what a server sent while the connection was lost comes after all")
    }
    func test_nexus_durable_messages_wait_offline_and_arrive_once_and_in_order() async throws {
        try await run("nexus", "durable messages wait offline, and arrive once and in order")
    }
    func test_node_durable_messages_wait_offline_and_arrive_once_and_in_order() async throws {
        try await run("node", "durable messages wait offline, and arrive once and in order")
    }
    func test_nexus_durable_messages_can_be_cancelled_refused_or_too_many() async throws {
        try await run("nexus", "durable messages can be cancelled, refused, or too many")
    }
    func test_node_durable_messages_can_be_cancelled_refused_or_too_many() async throws {
        try await run("node", "durable messages can be cancelled, refused, or too many")
    }
    func test_nexus_durable_messages_of_a_process_that_is_killed_are_sent_by_the_next() async throws {
        try await run("nexus", "durable messages of a process that is killed are sent by the next")
    }
    func test_node_durable_messages_of_a_process_that_is_killed_are_sent_by_the_next() async throws {
        try await run("node", "durable messages of a process that is killed are sent by the next")
    }
    func test_nexus_durable_messages_whose_acknowledgements_were_lost_with_their_process_have_their_effect_once() async throws {
        try await run("nexus", "durable messages whose acknowledgements were lost with their process have their effect once")
    }
    func test_node_durable_messages_whose_acknowledgements_were_lost_with_their_process_have_their_effect_once() async throws {
        try await run("node", "durable messages whose acknowledgements were lost with their process have their effect once")
    }
    func test_nexus_durable_messages_outlive_a_server_that_is_killed() async throws {
        try await run("nexus", "durable messages outlive a server that is killed")
    }
    func test_node_durable_messages_outlive_a_server_that_is_killed() async throws {
        try await run("node", "durable messages outlive a server that is killed")
    }
    func test_nexus_in_the_background_the_connection_ends_after_its_time_and_in_the_foreground_it_is_back() async throws {
        try await run("nexus", "in the background the connection ends after its time, and in the foreground it is back")
    }
    func test_node_in_the_background_the_connection_ends_after_its_time_and_in_the_foreground_it_is_back() async throws {
        try await run("node", "in the background the connection ends after its time, and in the foreground it is back")
    }
    func test_nexus_a_short_while_in_the_background_costs_nothing() async throws {
        try await run("nexus", "a short while in the background costs nothing")
    }
    func test_node_a_short_while_in_the_background_costs_nothing() async throws {
        try await run("node", "a short while in the background costs nothing")
    }
    func test_nexus_a_network_that_comes_back_is_used_at_once() async throws {
        try await run("nexus", "a network that comes back is used at once")
    }
    func test_node_a_network_that_comes_back_is_used_at_once() async throws {
        try await run("node", "a network that comes back is used at once")
    }
    func test_nexus_a_queued_message_that_is_cancelled_is_not_sent() async throws {
        try await run("nexus", "a queued message that is cancelled is not sent")
    }
    func test_node_a_queued_message_that_is_cancelled_is_not_sent() async throws {
        try await run("node", "a queued message that is cancelled is not sent")
    }
    func test_nexus_a_wait_that_is_cancelled_ends() async throws {
        try await run("nexus", "a wait that is cancelled ends")
    }
    func test_node_a_wait_that_is_cancelled_ends() async throws {
        try await run("node", "a wait that is cancelled ends")
    }
    func test_nexus_a_closed_client_leaves_nothing_behind_and_refuses_everything() async throws {
        try await run("nexus", "a closed client leaves nothing behind, and refuses everything")
    }
    func test_node_a_closed_client_leaves_nothing_behind_and_refuses_everything() async throws {
        try await run("node", "a closed client leaves nothing behind, and refuses everything")
    }
    func test_nexus_a_client_that_is_closed_while_it_connects_is_closed() async throws {
        try await run("nexus", "a client that is closed while it connects is closed")
    }
    func test_node_a_client_that_is_closed_while_it_connects_is_closed() async throws {
        try await run("node", "a client that is closed while it connects is closed")
    }
    func test_nexus_10_000_events_arrive_in_order_both_ways() async throws {
        try await run("nexus", "10,000 events arrive in order, both ways")
    }
    func test_node_10_000_events_arrive_in_order_both_ways() async throws {
        try await run("node", "10,000 events arrive in order, both ways")
    }
    func test_nexus_messages_of_one_user_are_never_sent_as_another() async throws {
        try await run("nexus", "messages of one user are never sent as another")
    }
    func test_node_messages_of_one_user_are_never_sent_as_another() async throws {
        try await run("node", "messages of one user are never sent as another")
    }
    func test_nexus_durable_messages_of_one_user_wait_until_that_user_is_back() async throws {
        try await run("nexus", "durable messages of one user wait until that user is back")
    }
    func test_node_durable_messages_of_one_user_wait_until_that_user_is_back() async throws {
        try await run("node", "durable messages of one user wait until that user is back")
    }
    func test_nexus_a_client_in_a_new_process_catches_up_with_what_came_while_it_was_away() async throws {
        try await run("nexus", "a client in a new process catches up with what came while it was away")
    }
}
