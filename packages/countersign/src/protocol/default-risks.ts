import type { Danger, Risk } from './risk-order.js'

const words: readonly (readonly [Risk, string])[] = [
  [
    'control',
    `
    admin* *admin root sudo* superuser* owner* *impersonat* privileg* escalat* elevat* masquerad*
    behalf takeover grant grants granted granting actas become becomes su assume assumes assuming loginas signinas runas
    switchuser passrole exec shell powershell bash eval runcode coderun executecode codeexecute runcommand runcommands
    commandrun commandsrun executecommand executecommands commandexecute commandsexecute runscript runscripts scriptrun
    scriptsrun executescript executescripts scriptexecute scriptsexecute secret secrets credential* password* passphrase*
    token tokens apikey apikeys privatekey privatekeys secretkey secretkeys signingkey signingkeys accesskey accesskeys
    sshkey sshkeys recoverycode recoverycodes keychain* fullaccess fullcontrol allaccess`,
  ],
  [
    'spend',
    `
    pay pays paid paying *pay *payment* *payout* payroll* paybill* *purchas* buy buys buying bought spend spends
    spending spent *transfer* xfer* wire wires wired wiring remit remits remitting remittance* *refund* *withdraw*
    deposit* charge charges charged charging chargeback* donat* trade trades trading bid bids bidding checkout*
    topup* redeem* money *money transact transacting invest investing sell sells selling sold debit* disburs*
    reimburs* borrow borrows borrowing settle settles settling settlement* cashout payee* gambl* wager* placeorder
    placeorders orderplace ordersplace`,
  ],
  [
    'delete',
    `
    *delet* del rm rmdir remov* *remove* *removal* eras* *purge* purging wipe* wiping *destroy* destruct* drop drops
    dropped dropping *revoke* revoking revocation* *trash* discard* truncat* expung* prune* pruning uninstall*
    terminat* kill kills killing shred shreds shredding dispose* disposing disposal* nuke* obliterat* deprovision*
    clear clears cleared clearing flush* evict* shutdown* forget forgets forgetting annihilat* decommission*
    teardown* unlink* scrub* empty emptied emptying rmrf rimraf factoryreset resetfactory hardreset resethard formatdisk
    diskformat closeaccount closeaccounts accountclose accountsclose deactivateaccount deactivateaccounts
    accountdeactivate accountsdeactivate`,
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

/** The risks of words in permission names, for words that match none of the operator's patterns. */
export const defaultRisks: readonly (readonly [pattern: string, risk: Risk])[] = words.flatMap(([risk, list]) =>
  split(list).map((word) => [word, risk] as const),
)

/**
 * Words for the object of an action. A change to one of these objects is riskier than an ordinary change, and so is a name that contains
 * only such a word.
 */
export const riskyObjects: readonly (readonly [pattern: string, risk: Danger])[] = (
  [
    [
      'control',
      `
      all any full everything anything unlimited unrestricted
      permission permissions role roles acl acls iam rbac mfa otp totp twofactor authenticator authenticators`,
    ],
    [
      'spend',
      `
      fund funds crypto* bitcoin* btc eth ethereum loan loans bet bets betting cash wallet wallets ach sepa mortgage*`,
    ],
  ] as const
).flatMap(([risk, list]) => split(list).map((word) => [word, risk] as const))

/** Words that may be joined to the risk words above, as in `droptable`; they are not risky by themselves. */
export const ordinaryObjects: readonly string[] = split(`
  account accounts app apps backup backups bill bills branch branches bucket buckets cache calendar calendars card cards
  contact contacts customer customers data database databases db device devices disk disks domain domains event events
  file files folder folders group groups history index invoice invoices item items log logs mail mails member members
  message messages note notes now order orders org page pages photo photos post posts process processes product products
  project projects queue record records repo repos row rows share shares site sites stock stocks table tables team teams
  ticket tickets user users`)

function split(list: string): string[] {
  return list.trim().split(/\s+/)
}
