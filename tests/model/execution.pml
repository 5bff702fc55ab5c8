/* execution.pml: plans in execution. No rule of its own: core_step() and core_wants() of
 * coordinator/core are linked into the checker as they are shipped. execution.c plays the
 * operators, the agents and the log, and says which property an event broke (README.md). */
#ifndef REACH
#define REACH_VALUE 0
#else
#define REACH_VALUE REACH
#endif
c_decl {
\#include "execution.h"
\#define MAY plan_step_may(
\#define YAM )
}
c_track "&plan_world" "sizeof(plan_world)"

#define BROKE(n, words) if (!REACH_VALUE && plan_world.broken == n) uerror("assertion violated " words)
#define S(k) :: d_step { c_expr { MAY k YAM } -> c_code { \
    plan_step_take(k); \
    BROKE(1, "S1_two_attempts_at_once"); BROKE(2, "S2_before_its_needs"); \
    BROKE(3, "S3_wanted_after_the_end"); BROKE(4, "S4_two_executions"); \
    BROKE(5, "S5_epoch_out_of_order"); BROKE(6, "S6_of_the_source_after_the_close"); \
    BROKE(7, "S7_store_opened_without_lease"); BROKE(8, "S8_not_approved"); \
    BROKE(9, "S9_done_by_no_outcome"); BROKE(10, "S10_begun_while_paused"); \
    BROKE(11, "S11_stands_without_a_name"); BROKE(12, "S12_never_ends"); \
    BROKE(13, "S13_done_with_steps_open"); BROKE(14, "S14_undone_under_a_hand_off"); \
    BROKE(15, "S15_approved_for_something_else"); BROKE(16, "S16_drill_keeps"); \
    BROKE(17, "S17_own_approval"); \
    if (REACH_VALUE && plan_world_reached(REACH_VALUE)) uerror("assertion violated REACH_this"); } }
active proctype World() {
  c_code { plan_world_begin(); };
  end: do
  S(0) S(1) S(2) S(3) S(4) S(5) S(6) S(7) S(8) S(9) S(10) S(11) S(12) S(13) S(14) S(15)
  S(16) S(17) S(18) S(19) S(20) S(21) S(22) S(23) S(24) S(25) S(26) S(27) S(28) S(29) S(30)
  S(31) S(32) S(33) S(34) S(35) S(36) S(37) S(38) S(39) S(40) S(41) S(42)
  od
}
