/* object.pml: the lease once more, but every rule is the shipped object: attest.c and holder.c are
 * compiled as they are and linked into the checker; object.c keeps their state as bytes.
 * The switches are those of lease.pml, and ROUNDS (questions in flight at one guard, 1 or 2). */
#ifndef REACH
#define REACH_VALUE 0
#else
#define REACH_VALUE REACH
#endif
#ifdef HEALS
#define HEALS_VALUE 1
#else
#define HEALS_VALUE 0
#endif
c_decl {
\#include "object.h"
\#define MAY step_may(
\#define YAM )
}
c_track "&world" "sizeof(world)"

/* SPIN takes every call inside c_expr for a side effect; step_may() has none, so its brackets
 * are hidden from SPIN in two macros that only the C compiler sees. */
#define S(k) :: d_step { c_expr { MAY k YAM } -> c_code { \
    step_take(k); \
    if (!REACH_VALUE && world_two_writers()) uerror("assertion violated I1_two_regions_writable"); \
    if (!REACH_VALUE && world_old_epoch()) uerror("assertion violated I2_superseded_epoch_leased"); \
    if (HEALS_VALUE && !world_heals()) uerror("assertion violated L1_healed_and_nobody_serves"); \
    if (REACH_VALUE && world_reached(REACH_VALUE)) uerror("assertion violated REACH_this"); } }
active proctype World() {
  c_code { world_begin(); };
  end: do
  S(0) S(1) S(2) S(3) S(4) S(5) S(6) S(7) S(8) S(9) S(10) S(11) S(12) S(13) S(14) S(15) S(16)
  S(17) S(18) S(19) S(20) S(21) S(22) S(23) S(24) S(25) S(26) S(27) S(28) S(29) S(30) S(31)
  S(32) S(33) S(34) S(35) S(36) S(37) S(38) S(39) S(40) S(41) S(42) S(43) S(44) S(45) S(46)
  S(47) S(48) S(49) S(50) S(51) S(52) S(53) S(54) S(55) S(56) S(57) S(58) S(59) S(60) S(61)
  S(62) S(63) S(64) S(65) S(66)
  S(67) S(68) S(69) S(70) S(71) S(72) S(73) S(74) S(75) S(76) S(77) S(78) S(79) S(80) S(81)
  S(82) S(83) S(84) S(85) S(86) S(87) S(88) S(89) S(90) S(91) S(92) S(93) S(94) S(95) S(96)
  S(97) S(98)
#ifdef FAILSAFE
  S(99) S(100) S(101) S(102) S(103) S(104) S(105) S(106) S(107) S(108) S(109) S(110) S(111)
  S(112) S(113) S(114) S(115) S(116) S(117) S(118) S(119) S(120) S(121) S(122) S(123) S(124)
  S(125) S(126) S(127) S(128) S(129) S(130) S(131) S(132) S(133) S(134) S(135) S(136) S(137)
  S(138) S(139) S(140) S(141) S(142) S(143) S(144) S(145) S(146) S(147) S(148) S(149) S(150)
  S(151) S(152) S(153) S(154) S(155) S(156) S(157) S(158) S(159) S(160) S(161) S(162) S(163)
  S(164) S(165) S(166) S(167) S(168) S(169) S(170) S(171) S(172) S(173) S(174) S(175) S(176)
  S(177) S(178) S(179) S(180) S(181) S(182) S(183) S(184) S(185) S(186) S(187) S(188) S(189)
  S(190) S(191) S(192) S(193) S(194)
#endif
#ifdef CHANGE
  S(195) S(196) S(197) S(198)
#endif
#ifdef MAXWIPE
  S(199) S(200) S(201)
#endif
#ifdef LOSES
  S(202) S(203) S(204) S(205)
#endif
  od
}
