import type { Risk } from '../pages/models.js'

const words: readonly (readonly [Risk, string])[] = [
  [
    'control',
    `
    admin* *admin root sudo* superuser* owner* *impersonat* privileg* escalat* elevat* masquerad*
    behalf takeover grant grants granted granting`,
  ],
  [
    'spend',
    `
    pay pays paid paying *pay *payment* *payout* payroll* paybill* *purchas* buy buys buying bought spend spends
    spending spent *transfer* xfer* wire wires wired wiring remit remits remitting remittance* *refund* *withdraw*
    deposit* charge charges charged charging chargeback* donat* trade trades trading bid bids bidding checkout*
    topup* redeem* money *money transact transacting invest investing sell sells selling sold debit* disburs*
    reimburs* borrow borrows borrowing`,
  ],
  [
    'delete',
    `
    *delet* del rm rmdir remov* *remove* *removal* eras* *purge* purging wipe* wiping *destroy* destruct* drop drops
    dropped dropping *revoke* revoking revocation* *trash* discard* truncat* expung* prune* pruning uninstall*
    terminat* kill kills killing shred shreds shredding dispose* disposing disposal* nuke* obliterat* deprovision*
    clear clears cleared clearing flush* evict* shutdown* forget forgets forgetting annihilat* decommission*
    teardown*`,
  ],
  [
    'change',
    `
    *write* writing edit editing update updating modify modifying create creating add adding append insert set put
    patch publish send sending upload import move rename share sharing invite change mark reply submit save sync
    manage managing configure enable disable execute assign unlock approve reject accept cancel restore reset connect
    subscribe unsubscribe register join leave follow toggle merge deploy replace generate control sign act`,
  ],
  ['read', 'read reads readonly view viewing'],
]

/** What words in the names of permissions mean, where the operator says nothing of them. */
export const defaultRisks: readonly (readonly [pattern: string, risk: Risk])[] = words.flatMap(([risk, list]) =>
  list
    .trim()
    .split(/\s+/)
    .map((word) => [word, risk] as const),
)
