/* command.pml: a command runs at most once per attempt, never without its certificate, never under
 * an epoch its agent knows to be superseded (README.md maps rule, switch, C function).
 *
 * The log is a committed prefix: 1=OPEN(1) 2=WANT d1 3=WANT d2 4=CLOSE(1) 5=OPEN(2) 6=WANT d3.
 * d1 and d2 are attempts 1 and 2 of one step under epoch 1, d3 is the step of an execution under
 * epoch 2; all are for agent 0. d0 is in no log: only a thief would ask for it. Agents 0 and 1
 * are of the region that owns both epochs. Nothing is timed: not-after is taken as never reached,
 * so every refusal below rests on the ledger, the epoch and the majority alone.
 *
 * Stronger than the protocol on purpose: a certificate, once gathered, may be presented to the
 * agent that gathered it any number of times, at any later moment, after a crash as well (a replay
 * or a re-send). -DNONCE makes a crash void it, as the nonce kept in memory really does.
 * One of the three member keys is stolen: member 2 says YES to everything. -DNO_THIEF: it is honest.
 */
#define N 3
#define DN 4                 /* digests 0..3 */
#ifndef MAXCRASH
#define MAXCRASH 1
#endif
#ifdef NO_CERTIFICATE
#define QUORUM 1
#else
#define QUORUM 2
#endif
#define LAST 6
#define EPOCH(d) (1+((d)==3))
#define TARGET 0
#define OPENED(k) ((k)>=5 -> 2 : ((k)<4 -> 1 : 0))         /* open epoch at log index k */
#define WANTED(k,d) (((k)==2 && (d)==1) || ((k)==3 && (d)==2) || ((k)==6 && (d)==3))
#define CELL(g,d) ((g)*DN+(d))

byte ci = 1;
byte a[N] = 1;               /* applied index of each member                                  */
byte plain[2];               /* epoch of the plain round in flight of each agent, 0 = none    */
byte py[2];                  /* members that said YES to it                                   */
byte ask[2] = 255;           /* digest of the command round in flight, 255 = none             */
byte cy[2];                  /* members that said YES to it                                   */
bool cert[8];                /* agent x digest: certificate gathered                          */
byte acc[2] = 1;             /* durable: highest epoch this agent accepted                    */
byte ledger[8];              /* durable, agent x digest: see below                            */
byte doing[2] = 255;         /* digest in the hands of the worker, 255 = idle                 */
bool acted[2];               /* the worker has acted, the result is not written yet           */
byte crashes;
/* ghosts: what really happened */
byte runs[DN];               /* runs of each digest, over all agents                          */
bool effect[DN];
byte ever[2] = 1;            /* highest epoch ever accepted by the agent                      */
hidden byte C1_ran_twice; hidden byte C2_superseded_epoch_ran; hidden byte C3_never_wanted_ran;
hidden byte C4_result_is_wrong; hidden byte C5_opened_without_lease; hidden byte REACH_second_epoch_ran;

#define NONE 0
#define INTENT 1
#define DONE 2
#define NOT_DONE 3           /* observed after a restart, or refused at the last check */

#define YES(x) (((x)&1)+(((x)>>1)&1)+(((x)>>2)&1))
#ifdef NO_THIEF
#define THIEF(i) false
#else
#define THIEF(i) ((i)==N-1)
#endif
#ifdef ANY_AGENT
#define FOR_ME(g) true
#else
#define FOR_ME(g) ((g)==TARGET)
#endif
#define SAYS_EPOCH(i,g) (THIEF(i) || OPENED(a[i])==plain[g])
#ifdef NO_WANTED_CHECK
#define SAYS_DIGEST(i,g) (THIEF(i) || (OPENED(a[i])==EPOCH(ask[g]) && FOR_ME(g)))
#else
#define SAYS_DIGEST(i,g) (THIEF(i) || (OPENED(a[i])==EPOCH(ask[g]) && FOR_ME(g) && \
                                       WANTED(a[i],ask[g])))
#endif
#ifdef NO_EPOCH_CHECK
#define EPOCH_OK(g,d) true
#else
#define EPOCH_OK(g,d) (EPOCH(d)>=acc[g])
#endif
#ifdef CHECK_ONCE
#define EPOCH_STILL_OK(g,d) true
#else
#define EPOCH_STILL_OK(g,d) EPOCH_OK(g,d)
#endif
/* -DLEASE: each step opens a store. The agent's lease may end at any moment, and a certificate of a
 * later epoch gives it another; the guard is asked when the command is taken and again right
 * before the action, behind whatever took long. */
#ifdef LEASE
bool leased[2] = true;
#define LEASE_OK(g) leased[g]
#define LEASED(g) leased[g]=true
#else
#define LEASE_OK(g) true
#define LEASED(g) skip
#endif
#ifdef LEASE_EARLY
#define LEASE_STILL_OK(g) true
#else
#define LEASE_STILL_OK(g) LEASE_OK(g)
#endif
#ifdef NO_LEDGER
#define NOT_SEEN(g,d) true
#define WRITE(g,d,what) skip
#else
#define NOT_SEEN(g,d) (ledger[CELL(g,d)]==NONE)
#define WRITE(g,d,what) ledger[CELL(g,d)]=what
#endif
#ifdef INTENT_LATE
#define WRITE_INTENT(g,d) skip
#define WRITE_AFTER_ACT(g,d) WRITE(g,d,INTENT)
#else
#define WRITE_INTENT(g,d) WRITE(g,d,INTENT)
#define WRITE_AFTER_ACT(g,d) skip
#endif

/* A newer epoch is accepted by any certificate for it, with or without a digest. */
inline accept(g,e) {
   if :: e>acc[g] -> acc[g]=e :: else fi;
   if :: e>ever[g] -> ever[g]=e :: else fi
}
inline act(g) {
   runs[doing[g]]++; effect[doing[g]]=true; acted[g]=true;
   assert(runs[doing[g]]<=1 || C1_ran_twice);
   assert(EPOCH(doing[g])>=ever[g] || C2_superseded_epoch_ran);
   assert(LEASE_OK(g) || C5_opened_without_lease);
   assert((doing[g]>0 && ci>=doing[g]+1+2*(doing[g]==3)) || C3_never_wanted_ran);
#ifdef REACH
   assert(!(doing[g]==3 && effect[1]) || REACH_second_epoch_ran);
#endif
   skip
}
inline crash(g) {
   crashes++;
   plain[g]=0; py[g]=0; ask[g]=255; cy[g]=0; doing[g]=255; acted[g]=false;
#ifdef NONCE
   cert[CELL(g,0)]=false; cert[CELL(g,1)]=false; cert[CELL(g,2)]=false; cert[CELL(g,3)]=false;
#endif
#ifdef EPOCH_VOLATILE
   acc[g]=0;
#endif
   skip
}
/* An intent without a result, and no worker on it: this process did not start it. */
#define ORPHAN(g,d) (ledger[CELL(g,d)]==INTENT && doing[g]!=(d))
inline settle(g,d) {
#ifdef RERUN_INTENT
   doing[g]=d; acted[g]=false
#else
   if
#ifdef ASSUME_DONE
   :: true -> ledger[CELL(g,d)]=DONE
#else
   :: effect[d] -> ledger[CELL(g,d)]=DONE
   :: else -> ledger[CELL(g,d)]=NOT_DONE
#endif
   fi;
   assert(ledger[CELL(g,d)]!=DONE || effect[d] || C4_result_is_wrong)
#endif
}
inline finish(g) {
   WRITE(g,doing[g],DONE);
   assert(effect[doing[g]] || C4_result_is_wrong);
   doing[g]=255; acted[g]=false
}
#define ASKABLE(g,d) (ask[g]==255 && !cert[CELL(g,d)])
#define TAKES(g,d) (cert[CELL(g,d)] && doing[g]==255 && \
                    EPOCH_OK(g,d) && LEASE_OK(g) && NOT_SEEN(g,d))
inline take(g,d) {
   accept(g,EPOCH(d));
   WRITE_INTENT(g,d); doing[g]=d; acted[g]=false
}

proctype Agent(byte g) {
  end: do
  /* plain attestation: moves the accepted epoch */
  :: atomic { plain[g]==0 && acc[g]<2 -> plain[g]=2; py[g]=0 }
  :: atomic { plain[g]>0 && YES(py[g])>=QUORUM ->
              accept(g,plain[g]); LEASED(g); plain[g]=0; py[g]=0 }
#ifdef LEASE
  :: atomic { leased[g] -> leased[g]=false }
#endif
  /* a command round; giving one up is a new nonce */
  :: atomic { ASKABLE(g,0) -> ask[g]=0 }
  :: atomic { ASKABLE(g,1) -> ask[g]=1 }
  :: atomic { ASKABLE(g,2) -> ask[g]=2 }
  :: atomic { ASKABLE(g,3) -> ask[g]=3 }
  :: atomic { ask[g]!=255 -> ask[g]=255; cy[g]=0 }
  :: atomic { ask[g]!=255 && YES(cy[g])>=QUORUM -> cert[CELL(g,ask[g])]=true; ask[g]=255; cy[g]=0 }
  /* take it: checks, then the intent on disk; later the last check and the action; the result */
  :: atomic { TAKES(g,0) -> take(g,0) }
  :: atomic { TAKES(g,1) -> take(g,1) }
  :: atomic { TAKES(g,2) -> take(g,2) }
  :: atomic { TAKES(g,3) -> take(g,3) }
  :: atomic { doing[g]!=255 && !acted[g] && EPOCH_STILL_OK(g,doing[g]) &&
              LEASE_STILL_OK(g) -> act(g) }
  :: atomic { doing[g]!=255 && !acted[g] &&
              !(EPOCH_STILL_OK(g,doing[g]) && LEASE_STILL_OK(g)) ->
              WRITE(g,doing[g],NOT_DONE); doing[g]=255 }
#ifdef INTENT_LATE
  :: atomic { doing[g]!=255 && acted[g] && ledger[CELL(g,doing[g])]==NONE ->
              WRITE_AFTER_ACT(g,doing[g]) }
#endif
  :: atomic { doing[g]!=255 && acted[g] -> finish(g) }
  /* a crash at any point; afterwards every orphan is observed, never run again */
  :: atomic { crashes<MAXCRASH -> crash(g) }
  :: atomic { doing[g]==255 && ORPHAN(g,0) -> settle(g,0) }
  :: atomic { doing[g]==255 && ORPHAN(g,1) -> settle(g,1) }
  :: atomic { doing[g]==255 && ORPHAN(g,2) -> settle(g,2) }
  :: atomic { doing[g]==255 && ORPHAN(g,3) -> settle(g,3) }
  od
}
proctype Member(byte i) {
  end: do
  :: atomic { a[i]<ci && !THIEF(i) -> a[i]++ }
  :: atomic { plain[0]>0 && !(py[0]&(1<<i)) && SAYS_EPOCH(i,0) -> py[0]=py[0]|(1<<i) }
  :: atomic { plain[1]>0 && !(py[1]&(1<<i)) && SAYS_EPOCH(i,1) -> py[1]=py[1]|(1<<i) }
  :: atomic { ask[0]!=255 && !(cy[0]&(1<<i)) && SAYS_DIGEST(i,0) -> cy[0]=cy[0]|(1<<i) }
  :: atomic { ask[1]!=255 && !(cy[1]&(1<<i)) && SAYS_DIGEST(i,1) -> cy[1]=cy[1]|(1<<i) }
  od
}
proctype Log() {
  end: do
  :: atomic { ci<LAST -> ci++ }
  od
}
init { atomic {
  run Agent(0);
#ifndef ONE_AGENT
  run Agent(1);
#endif
  run Member(0); run Member(1); run Member(2); run Log() } }
