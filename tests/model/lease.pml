/* lease.pml: the region lease of drover, rule by rule (README.md maps rule, switch, C function).
 *
 * A guard asks every member ATTEST(region, epoch, nonce). A majority of YES to one nonce is a
 * certificate: a lease of T counted from the moment the question was sent. Members know only
 * their own applied state and their own clock. The log is a committed prefix of alternating
 * facts: 1=OPEN(1) 2=CLOSE(1) 3=OPEN(2) 4=CLOSE(2) 5=OPEN(3); that the engine keeps one order is
 * assumed. Messages may be lost, late and reordered: an answer that was given may be used at any
 * later moment. CLOSE and OPEN may be decided at any moment, for any or for no reason.
 *
 * Configurations (not mutants)
 *  T EPS MAXLOG   lease in ticks, clock-rate credit per interval in ticks, length of the log
 *  MEPS           the same credit for the members alone, default EPS
 *  MAXRESTART     member restarts; with SNAPSHOT a restart may fall back to any older index
 *  MAXGREST       guard restarts (round forgotten, durable notes kept, kernel gate untouched)
 *  EXTRA_P EXTRA_D a second guard in region P or D      REOPEN epoch 3 is D's again, not P's
 *  LEAVES         with EXTRA_P, not with SYM: at any moment the log drops guard 2 from the topology
 *  WAIT_FROM_CLOSE lease.wait_from = "close": the wait runs from applying the CLOSE
 *  FAILSAFE       promises of the other region's gate agents extend a live lease
 *  FENCELESS      no guard ever hands out a proof (keeps the promise runs small)
 *  HOLD           a lease never runs out; CLOSE only with the proof of every guard
 *  SYM            sort the members after each step: they are interchangeable (not with LIVE)
 *  LIVE STATIC REACH  liveness after a storm; I10 static stability; sanity
 * Every other -D removes one rule and is listed in table.txt with what SPIN must find.
 */
#define N 3
#ifdef NO_MAJORITY
#define QUORUM 1
#else
#define QUORUM 2
#endif
#ifndef T
#define T 2
#endif
#ifndef EPS
#define EPS 1
#endif
#ifndef MEPS
#define MEPS EPS
#endif
#ifdef NO_DRIFT_MARGIN
#define W T
#else
#define W (T+2*EPS)
#endif
#ifndef MAXLOG
#define MAXLOG 3
#endif
#ifndef MAXRESTART
#define MAXRESTART 1
#endif
#ifndef MAXGREST
#define MAXGREST 0
#endif
#ifdef PROMISE_SHORT
#define V T
#else
#define V W
#endif
#define P 0
#define D 1
#if defined(EXTRA_P) || defined(EXTRA_D)
#define NG 3
#else
#define NG 2
#endif
#ifdef EXTRA_P
#define REGION(g) ((g)%2)              /* guards 0 and 2 in P */
#else
#define REGION(g) ((g)>0)              /* guards 1 and 2 in D */
#endif
#define EP(k)    (((k)+1)/2)
#ifdef REOPEN
#define OWNER(e) ((e)>1)               /* P, D, D */
#else
#define OWNER(e) (((e)+1)%2)           /* P, D, P */
#endif
#define OPEN(k)  ((k)%2)
#define EMAX     EP(MAXLOG)

/* ---- the log and the members ------------------------------------------------------------ */
byte ci = 1;                 /* committed length of the log                                  */
byte a[N] = 1;               /* applied index                                                */
byte dcl[N];                 /* durable: highest epoch this member closed                    */
byte ov[N] = 1;              /* durable note: the wait for the epochs up to this one is over */
byte head[N];                /* condition d: index to reach before speaking, 0 = caught up   */
byte t[N];                   /* own wait: ticks of W left since the last YES (or the start)  */
byte f[N];                   /* ticks this fast clock ran double in that wait                */
byte y[N];                   /* bit g: said YES to the round guard g has in flight           */
byte restarts;
#ifdef LEAVES
byte lc;                     /* index behind which the log changes the topology, 0 = not yet */
bool gone[N];                /* this member applied that: guard 2 is in no topology any more */
byte lv[N];                  /* own clock: ticks of W left since then, or since the start    */
#endif

/* ---- the guards -------------------------------------------------------------------------- */
byte ep[NG];                 /* durable: highest epoch accepted                              */
byte fd[NG];                 /* durable: fenced at this epoch, refuses all up to it          */
byte pf[NG];                 /* the proof "fenced at this epoch" that was handed out         */
byte rem[NG];                /* ticks the kernel gate stays open                             */
byte re[NG];                 /* epoch of the round in flight (one nonce), 0 = none           */
byte age[NG];                /* ticks on the guard's clock since it sent that round          */
byte skL[NG]; byte skR[NG];  /* ticks its slow clock missed in this lease / this round       */
byte grest;
#ifdef EPOCH_VOLATILE
byte gep[NG];                /* ghost: highest epoch ever accepted, whatever is remembered   */
#define EVER(g) gep[g]
#define SET_EVER(g) gep[g]=ep[g]
#else
#define EVER(g) ep[g]
#define SET_EVER(g) skip
#endif
#ifdef NO_GUARD
bool hung[NG];
#define WR(g) (rem[g]>0 || hung[g])
#else
#define WR(g) (rem[g]>0)
#endif
#ifdef FAILSAFE
byte veto[NG];               /* durable promise: ticks of V left, on the giver's clock       */
byte vep[NG];                /* the epoch the promise is for                                 */
byte vf[NG];                 /* ticks the giver's fast clock ran double in V                 */
byte fq[NG];                 /* epoch of the promise question in flight, 0 = none            */
byte fage[NG]; byte fsk[NG]; byte fak[NG];
#ifdef NO_VETO
#define VETO_OK(g,e) true
#else
#define VETO_OK(g,e) (veto[g]==0)
#endif
#ifdef PROMISE_REVIVES
#define STILL(g) true
#else
#define STILL(g) (rem[g]>0)
#endif
#else
#define VETO_OK(g,e) true
#endif
#ifdef LIVE
bool calm;
#define STORM (!calm)
#else
#define STORM true
#define calm false
#endif
#ifdef STATIC
bool renewed;                /* the lease was renewed since the last tick                    */
#endif

/* ---- invariants --------------------------------------------------------------------------
 * The never-set names only carry the invariant's name into the checker's message. */
hidden byte I1_two_regions_writable; hidden byte I2_superseded_epoch_gains_lease;
hidden byte I10_healthy_region_fenced; hidden byte REACH_this;
hidden byte tmp;
#define APART(g,h) (!(WR(g) && WR(h) && REGION(g)!=REGION(h)))
#define NEWEST(g,h) (REGION(g)==REGION(h) || ep[g]>EVER(h))
#if NG>2
#define I1 (APART(0,1) && APART(0,2) && APART(1,2))
#define I2(g) (NEWEST(g,0) && NEWEST(g,1) && NEWEST(g,2))
#else
#define I1 APART(0,1)
#define I2(g) (NEWEST(g,0) && NEWEST(g,1))
#endif
#ifdef REACH
/* 1: P holds epoch 3, the full cycle   2: a promise extended a lease   3: a member said YES for a
 * later epoch while its own wait still ran (a proof)   4: D is certified */
#define REACHED(k,what) assert(!(REACH==k && (what)) || REACH_this)
#define CHECK(g) REACHED(1,g==P && ep[P]==3); REACHED(4,g==D && ep[D]==2)
#else
#define REACHED(k,what) skip
#define CHECK(g) assert(I1 || I1_two_regions_writable); \
                 assert(I2(g) || I2_superseded_epoch_gains_lease)
#endif

/* ---- symmetry: members are alike, so only the sorted triple is stored ---------------------- */
#ifdef SYM
#define KEY(i) ((((((a[i]*8+dcl[i])*8+ov[i])*8+head[i])*16+t[i])*4+f[i])*8+y[i])
#define SWAP(x,i,j) tmp=x[i]; x[i]=x[j]; x[j]=tmp
inline order(i,j) {
   if :: KEY(i)>KEY(j) ->
      SWAP(a,i,j); SWAP(dcl,i,j); SWAP(ov,i,j); SWAP(head,i,j); SWAP(t,i,j); SWAP(f,i,j);
      SWAP(y,i,j)
   :: else fi
}
inline canon() { order(0,1); order(1,2); order(0,1); tmp=0 }
#else
#define canon() skip
#endif

#define BIT(x,g) (((x)>>(g))&1)
#ifdef KEYS_COUNTED                    /* member 0 exchanges its keys and signed with both */
#define YES(g)   (2*BIT(y[0],g)+BIT(y[1],g)+BIT(y[2],g))
#else
#define YES(g)   (BIT(y[0],g)+BIT(y[1],g)+BIT(y[2],g))
#endif

inline forget_answers(g) {
   y[0]=y[0]&(255-(1<<g)); y[1]=y[1]&(255-(1<<g)); y[2]=y[2]&(255-(1<<g))
}
inline drop(g) { re[g]=0; age[g]=0; skR[g]=0; forget_answers(g) }

/* ---- clocks -------------------------------------------------------------------------------- */
#ifdef HOLD
#define LEASE_TICK(g) skip                     /* `hold`: the lease never runs out */
#else
#define LEASE_TICK(g) rem[g]--
#endif
inline guard_tick(g) {       /* a slow clock misses at most EPS ticks in one lease or round */
   if
   :: if :: rem[g]>0 -> LEASE_TICK(g) :: else fi;
      if :: re[g]>0 -> age[g]++ :: else fi
   :: (rem[g]>0 || re[g]>0) && skL[g]<EPS && skR[g]<EPS ->
      if :: rem[g]>0 -> skL[g]++ :: else fi;
      if :: re[g]>0 -> skR[g]++ :: else fi
   fi;
   if :: rem[g]==0 -> skL[g]=0 :: else fi;
   if :: age[g]>=T -> drop(g) :: else fi       /* such a round can give no lease any more */
}
inline member_tick(i) {      /* a fast clock runs double at most EPS times in one wait */
   if
   :: t[i]>0 -> t[i]--
   :: t[i]>1 && f[i]<MEPS -> t[i]=t[i]-2; f[i]++
   :: t[i]==0
   fi;
   if :: t[i]==0 -> f[i]=0 :: else fi
}
#ifdef LEAVES
inline leave_tick(i) { if :: lv[i]>0 -> lv[i]-- :: else fi }
#endif
#ifdef FAILSAFE
inline promise_tick(g) {
   if
   :: veto[g]>0 -> veto[g]--
   :: veto[g]>1 && vf[g]<EPS -> veto[g]=veto[g]-2; vf[g]++
   :: veto[g]==0
   fi;
   if :: veto[g]==0 -> vf[g]=0; vep[g]=0 :: else fi;
   if
   :: fq[g]>0 -> fage[g]++
   :: fq[g]>0 && fsk[g]<EPS -> fsk[g]++
   :: fq[g]==0
   fi;
   if :: fage[g]>=T -> fq[g]=0; fage[g]=0; fsk[g]=0; fak[g]=0 :: else fi
}
#endif

/* ---- what a member may answer: conditions a to d of ATTEST ---------------------------------- */
#define PROVED(g,e) (REGION(g)==OWNER(e) && pf[g]>=(e))
#define FREE(g,e)   (REGION(g)!=OWNER(e) || pf[g]>=(e))
#if NG>2
#ifdef PROOF_OF_ONE
#define PROOF(e) (PROVED(0,e) || PROVED(1,e) || PROVED(2,e))
#else
#define PROOF(e) (FREE(0,e) && FREE(1,e) && FREE(2,e))
#endif
#else
#define PROOF(e) (FREE(0,e) && FREE(1,e))
#endif
/* Guard 2 is asked for no proof any more once it left; its lease may run for W. */
#ifdef LEAVES
#ifdef LEAVES_AT_ONCE
#define LEFT(i) gone[i]
#else
#define LEFT(i) (gone[i] && lv[i]==0)
#endif
#define PROOF_FOR(i,e) (FREE(0,e) && FREE(1,e) && (LEFT(i) || (!gone[i] && FREE(2,e))))
#define LISTED(i,g) (g!=2 || !gone[i])
#define APPLIES(i) (a[i]<ci && !(a[i]==lc && !gone[i]))
#else
#define PROOF_FOR(i,e) PROOF(e)
#define LISTED(i,g) true
#define APPLIES(i) (a[i]<ci)
#endif
#ifdef NO_EPOCH
#define COND_A(i,g) OPEN(a[i])
#else
#ifdef NO_OWNER
#define COND_A(i,g) (OPEN(a[i]) && EP(a[i])==re[g])
#else
#define COND_A(i,g) (OPEN(a[i]) && EP(a[i])==re[g] && OWNER(re[g])==REGION(g))
#endif
#endif
/* The wait is over: noted durably; or W has passed since the last YES to ANY earlier epoch (or
 * the start); or every guard of the epoch before is proved fenced. That proof speaks only of
 * that epoch's region, so the wait for the epochs before it must have been over already. */
#ifdef NO_WAIT
#define COND_B(i,e) true
#else
#ifdef PROOF_SKIPS_OLDER
#define COND_B(i,e) (ov[i]>=(e) || t[i]==0 || ((e)>1 && PROOF_FOR(i,(e)-1)))
#else
#define COND_B(i,e) (ov[i]>=(e) || t[i]==0 || ((e)>1 && PROOF_FOR(i,(e)-1) && ov[i]>=(e)-1))
#endif
#endif
#ifdef NO_CLOSED_CHECK
#define COND_C(i,e) true
#else
#define COND_C(i,e) ((e)>dcl[i])
#endif
#ifdef NO_CATCHUP
#define COND_D(i) true
#else
#define COND_D(i) (head[i]==0)
#endif
#define HONEST(i,g) (LISTED(i,g) && COND_A(i,g) && COND_B(i,re[g]) && COND_C(i,re[g]) && COND_D(i))
#ifdef LIAR
#ifdef NO_LAG                                  /* and who is honest is never behind the log */
#define ANSWERS(i,g) (i==N-1 || (a[i]==ci && HONEST(i,g)))
#else
#define ANSWERS(i,g) (i==N-1 || HONEST(i,g))   /* one stolen member key: YES to everything */
#endif
#else
#define ANSWERS(i,g) HONEST(i,g)
#endif
#define ASKED(i,g) (re[g]>0 && !BIT(y[i],g))

inline wait_restart(i) {     /* in the last epoch of the run the wait is never asked again */
   f[i]=0;
   if :: ov[i]>=EMAX -> t[i]=0 :: else -> t[i]=W fi
}
inline yes(i,g) {
   y[i]=y[i]|(1<<g);
   REACHED(3,re[g]>ov[i] && t[i]>0);
   if :: re[g]>ov[i] -> ov[i]=re[g] :: else fi;
#ifndef CREDIT_UNSET
   wait_restart(i);
#endif
   canon()
}

/* ---- processes ------------------------------------------------------------------------------ */
#ifdef LIVE
/* after the storm a message takes less than one tick */
#define CAN(i) (a[i]<ci || (ASKED(i,D) && ANSWERS(i,D)))
#define BUSY (ci<3 || CAN(0) || CAN(1) || CAN(2) || (re[D]==0 && OPEN(ci) && OWNER(EP(ci))==D) \
              || (re[D]>0 && YES(D)>=QUORUM))
#define MAY_TICK (!(calm && BUSY))
#else
#ifdef STATIC
#ifdef FAILSAFE
#ifdef STANDBY_CUT
#define MAY_TICK (renewed || (fq[P]>0 && fage[P]==0 && fak[P]==2))
#else
#define MAY_TICK renewed
#endif
#else
#define CAN(i) (ASKED(i,P) && ANSWERS(i,P))
#define MAY_TICK (renewed || (re[P]>0 && age[P]==0 && YES(P)<QUORUM && \
                              !CAN(0) && !CAN(1) && !CAN(2)))
#endif
#else
#define MAY_TICK true
#endif
#endif
proctype Clock() {
  end: do
  :: atomic { MAY_TICK ->
       guard_tick(0); guard_tick(1);
#if NG>2
       guard_tick(2);
#endif
       member_tick(0); member_tick(1); member_tick(2); canon();
#ifdef LEAVES
       leave_tick(0); leave_tick(1); leave_tick(2);
#endif
#ifdef FAILSAFE
       promise_tick(0); promise_tick(1);
#if NG>2
       promise_tick(2);
#endif
#endif
#ifdef STATIC
       renewed=false; assert(rem[P]>0 || I10_healthy_region_fenced)
#endif
     }
  od
}

/* A guard asks for an epoch of its region, not below the one it accepted and above the one it is
 * fenced at: a renewal, a promotion, or a late one. A new question is a new nonce. */
#ifdef NO_OWNER
#define MINE(g,e) true
#else
#define MINE(g,e) (OWNER(e)==REGION(g))
#endif
#define NEEDLESS(g,e) (calm && (REGION(g)==P || re[g]==(e)))
#define ASKS(g,e) ((e)<=EP(ci) && MINE(g,e) && (e)>=ep[g] && (e)>fd[g] && !NEEDLESS(g,e))
#ifdef NO_NONCE
#define RENEW(g) age[g]=0; skR[g]=0            /* answers to the older question still count */
#else
#define RENEW(g) drop(g)
#endif
#ifdef PROOF_UNCHECKED
#define NOT_FENCED(g) true
#else
#define NOT_FENCED(g) (re[g]>fd[g])
#endif
#ifdef FROM_RECV
#define LEASE_LEFT(g) T
#else
#define LEASE_LEFT(g) (T-age[g])
#endif
#ifdef PROOF_GATE_OPEN
#define SHUT(g) skip
#else
#define SHUT(g) rem[g]=0; skL[g]=0
#endif
#ifdef STATIC
#define ASK_NOW(g) (REGION(g)==P && !renewed && !(re[g]>0 && age[g]==0))
#else
#define ASK_NOW(g) true
#endif

inline certificate(g) {
   ep[g]=re[g]; SET_EVER(g);
   rem[g]=LEASE_LEFT(g); skL[g]=skR[g];
#ifdef NO_GUARD
   hung[g]=false;
#endif
#ifdef STATIC
   renewed=true;
#endif
   drop(g); canon(); CHECK(g)
}
/* Fence at epoch e: the durable note, the gate shut, then the proof. A round in flight is not
 * forgotten: its certificate may still come, late, and must be refused. */
inline fence(g,e) { fd[g]=e; SHUT(g); pf[g]=e }
#define MAY_FENCE(g,e) (e<EMAX && (e)<=EP(ci) && OWNER(e)==REGION(g) && (e)>=ep[g] && fd[g]<(e))

inline guard_restart(g) {    /* the kernel gate runs on; what is in memory is gone */
   grest++;
#ifndef NONCE_DURABLE
   drop(g); canon();
#endif
#ifdef EPOCH_VOLATILE
   ep[g]=0;
#endif
#ifdef FENCE_VOLATILE
   fd[g]=0;
#endif
#ifdef FAILSAFE
   fq[g]=0; fage[g]=0; fsk[g]=0; fak[g]=0;
#ifdef PROMISE_VOLATILE
   veto[g]=0; vf[g]=0; vep[g]=0;
#else
   if :: veto[g]>0 -> veto[g]=V; vf[g]=0 :: else fi;
#endif
#endif
#ifdef BOOT_OPEN
   rem[g]=T; skL[g]=0; CHECK(g)
#else
   skip
#endif
}

#ifdef FAILSAFE
/* The question goes to every gate agent of the other region; each answers for itself. */
#if NG>2
#define GIVERS(g) (REGION(g)==P -> ((REGION(1)==D)*2 + (REGION(2)==D)*4) \
                                 : (1 + (REGION(2)==P)*4))
#else
#define GIVERS(g) (REGION(g)==P -> 2 : 1)
#endif
#ifdef PROMISE_OF_ONE
#define ALL_PROMISED(g) (fak[g]!=0)
#else
#define ALL_PROMISED(g) (fak[g]==GIVERS(g))
#endif
#ifdef STANDBY_CUT
#define REACHABLE(h) (h!=2)
#else
#define REACHABLE(h) true
#endif
#ifdef PROMISE_HOLDING
#define NO_LEASE(h) true
#else
#define NO_LEASE(h) (rem[h]==0)
#endif
#ifdef PROMISE_NEWER
#define NO_NEWER(h,e) true
#else
#define NO_NEWER(h,e) (ep[h]<=(e))
#endif
#ifdef PROMISE_NEWER
#define OVER(h) true
#else
#define OVER(h) (ep[h]<=fd[h])
#endif
#define GIVES(g,h) (REGION(g)!=REGION(h) && fq[g]>0 && !BIT(fak[g],h) && REACHABLE(h) && \
                    NO_LEASE(h) && NO_NEWER(h,fq[g]) && OVER(h))
inline promise(g,h) {
   fak[g]=fak[g]|(1<<h); veto[h]=V; vf[h]=0; vep[h]=fq[g]
}
inline extend(g) {
   if
   :: fq[g]==ep[g] && fq[g]>fd[g] && T-fage[g]>rem[g] && STILL(g) ->
      rem[g]=T-fage[g]; skL[g]=fsk[g]; CHECK(g); REACHED(2,true)
   :: else
   fi;
#ifdef STATIC
   renewed=true;
#endif
   fq[g]=0; fage[g]=0; fsk[g]=0; fak[g]=0
}
#ifdef STATIC
#define EXTEND_NOW(g) (!renewed && REGION(g)==P)
#else
#define EXTEND_NOW(g) true
#endif
#endif

proctype Guard(byte g) {
  end: do
  :: atomic { ASK_NOW(g) && ASKS(g,1) -> RENEW(g); re[g]=1; canon() }
#if MAXLOG>2
  :: atomic { ASK_NOW(g) && ASKS(g,2) -> RENEW(g); re[g]=2; canon() }
#endif
#if MAXLOG>4
  :: atomic { ASK_NOW(g) && ASKS(g,3) -> RENEW(g); re[g]=3; canon() }
#endif
  /* a majority said YES to this nonce; the certificate may come any time after */
  :: atomic { re[g]>0 && YES(g)>=QUORUM && re[g]>=ep[g] && NOT_FENCED(g) && VETO_OK(g,re[g]) &&
              !(calm && REGION(g)==P) -> certificate(g) }
#if MAXLOG>2 && !defined(FENCELESS)
  :: atomic { STORM && MAY_FENCE(g,1) -> fence(g,1) }
#endif
#if MAXLOG>4 && !defined(FENCELESS)
  :: atomic { STORM && MAY_FENCE(g,2) -> fence(g,2) }
#endif
#ifdef NO_GUARD
  :: atomic { rem[g]>0 && !hung[g] -> hung[g]=true }
#endif
#if MAXGREST>0
  :: atomic { STORM && grest<MAXGREST -> guard_restart(g) }
#endif
#ifdef FAILSAFE
  :: atomic { STORM && (REGION(g)==P || MAXLOG>3) && EXTEND_NOW(g) && fq[g]==0 && ep[g]>0 &&
              ep[g]>fd[g] && STILL(g) -> fq[g]=ep[g]; fage[g]=0; fsk[g]=0; fak[g]=0 }
  :: atomic { GIVES(g,0) -> promise(g,0) }
  :: atomic { GIVES(g,1) -> promise(g,1) }
#if NG>2
  :: atomic { GIVES(g,2) -> promise(g,2) }
#endif
  :: atomic { fq[g]>0 && ALL_PROMISED(g) -> extend(g) }
#endif
  od
}

#if defined(STATIC) && defined(FAILSAFE)
#define HEARD false                            /* no member can be reached */
#else
#define HEARD true
#endif
inline apply(i) {
   a[i]++;
   if
   :: !OPEN(a[i]) ->
      if :: a[i]/2>dcl[i] -> dcl[i]=a[i]/2 :: else fi;
#ifdef CREDIT_LAST_ONLY
      /* counts from the last YES for the epoch just closed only; none given: no wait at all */
      if :: ov[i]<a[i]/2 -> t[i]=0; f[i]=0 :: else fi;
#endif
#ifdef WAIT_FROM_CLOSE
      if :: ov[i]<a[i]/2+1 -> t[i]=W; f[i]=0 :: else fi;
#endif
#ifdef NOTE_EARLY
      if :: a[i]/2+1>ov[i] -> ov[i]=a[i]/2+1 :: else fi;
#endif
      skip
   :: else
   fi;
   if :: a[i]>=head[i] -> head[i]=0 :: else fi
}
inline member_restart(i) {
   restarts++;
   /* the note "my wait is over" is written as soon as it is: losing it only adds silence */
   if :: t[i]==0 && dcl[i]+1>ov[i] -> ov[i]=dcl[i]+1 :: else fi;
#ifdef SNAPSHOT
   do :: a[i]>1 -> a[i]-- :: break od;
#endif
#ifdef NO_DURABLE
   dcl[i]=a[i]/2;
#endif
#ifdef NO_NOTE
   ov[i]=0;
#endif
   /* the head read after the start is at least today's, so today's allows the most */
   if :: a[i]<ci -> head[i]=ci :: else -> head[i]=0 fi;
#ifdef NO_CATCHUP
   head[i]=0;
#endif
#ifdef LEAVES
   if :: gone[i] -> lv[i]=W :: else fi;
#endif
#ifdef NO_RESTART_GRACE
   t[i]=0; f[i]=0;
#else
   wait_restart(i);
#endif
   canon()
}
proctype Member(byte i) {
  end: do
#ifdef LIVE_NOMAJ
  :: atomic { calm && i>0 -> break }
#endif
  :: atomic { APPLIES(i) -> apply(i); canon() }
#ifdef LEAVES
  :: atomic { lc>0 && a[i]==lc && !gone[i] -> gone[i]=true; lv[i]=W }
#endif
  :: atomic { HEARD && STORM && ASKED(i,0) && ANSWERS(i,0) -> yes(i,0) }
  :: atomic { HEARD && ASKED(i,1) && ANSWERS(i,1) -> yes(i,1) }
#if NG>2
  :: atomic { HEARD && ASKED(i,2) && ANSWERS(i,2) -> yes(i,2) }
#endif
  :: atomic { STORM && restarts<MAXRESTART -> member_restart(i) }
  od
}

/* The engine and whoever decides: CLOSE and OPEN at ANY time, on a false suspicion too. Under
 * `hold` no member lets a CLOSE pass without the proof of every guard. */
#if defined(HOLD) && !defined(HOLD_AUTO)
#define CLOSE_ALLOWED PROOF(EP(ci))
#else
#define CLOSE_ALLOWED true
#endif
proctype Log() {
  end: do
  :: atomic { ci<MAXLOG && !(calm && ci==3) && (!OPEN(ci) || CLOSE_ALLOWED) -> ci++ }
#ifdef LEAVES
  :: atomic { lc==0 -> lc=ci }
#endif
#ifdef LIVE
  :: atomic { !calm && ci<=3 -> calm=true }
#endif
  od
}
init { atomic {
  ep[P]=1; SET_EVER(P); rem[P]=T;
#ifdef EXTRA_P
  ep[2]=1; SET_EVER(2); rem[2]=T;
#endif
  t[0]=W; t[1]=W; t[2]=W;
  run Clock(); run Guard(0); run Guard(1);
#if NG>2
  run Guard(2);
#endif
  run Member(0); run Member(1); run Member(2); run Log() } }
#ifdef LIVE
ltl live { [] (calm -> <> (rem[D]>0)) }
#endif
