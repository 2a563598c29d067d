/**
 * Words that this project does not use, and what to write instead. An `error` is never right; a `warning` is right in some
 * sentences and wrong in most. `in` limits a term to some kinds of text. CONTRIBUTING.md explains how to add one.
 *
 * @typedef {'markdown' | 'comment' | 'string' | 'data'} Kind `data`: strings outside of `src`, except titles of tests
 * @typedef {{ find: string, write: string, level: 'error' | 'warning', in?: readonly Kind[] }} Term
 * @type {readonly Term[]}
 */
export const terms = [
  { find: 'anew', write: 'again', level: 'error' },
  {
    find: 'nobody|somebody|everybody|anybody',
    write: 'no one, someone, everyone; better: the caller, the user, an attacker',
    level: 'error',
    in: ['markdown', 'comment', 'string'],
  },
  { find: 'whoever|whomever', write: 'anyone who, the caller, the user', level: 'warning' },
  { find: 'whom', write: 'rewrite with the noun', level: 'warning' },
  { find: 'in place of', write: 'instead of', level: 'error' },
  { find: 'by way of', write: 'through', level: 'error' },
  { find: 'all the same', write: 'anyway', level: 'error' },
  { find: 'meanwhile', write: 'in the meantime, while …', level: 'error' },
  { find: 'mends?|mended|mending', write: 'fix, repair', level: 'error' },
  { find: 'of yours|of theirs|of ours', write: 'your own, their own, our own', level: 'warning' },
  { find: '(?:a|an|one|some|no|any) \\w+ of (?:its|their|his|your|our) own', write: 'its own …', level: 'error' },
  { find: 'of its own|of their own', write: 'its own …, their own …', level: 'warning' },
  { find: 'user names?', write: 'username', level: 'error' },
  { find: 'e-mails?', write: 'email', level: 'error' },
  {
    find: '(?:take|takes|took|taken|taking) back|(?:take|takes|took|taken|taking) (?:it|them|this|that) back',
    write: 'revoke; roll back (a transaction)',
    level: 'error',
  },
  { find: '(?:is|are|was|were|be|been) told', write: 'receives, is notified, sees', level: 'warning' },
  { find: 'tells?|telling', write: 'reports, returns, logs, shows', level: 'warning', in: ['markdown', 'comment'] },
  { find: 'knows? of|known of', write: 'accepts, trusts, has', level: 'warning' },
  { find: 'answers?|answered|answering', write: 'response; respond, return', level: 'warning' },
  { find: 'asks? for|asked for|asking for', write: 'request, require', level: 'warning' },
  { find: 'goes? on|went on|going on', write: 'continue, is forwarded', level: 'warning' },
  { find: 'at most', write: 'up to, no more than', level: 'warning', in: ['markdown'] },
  { find: 'lets? it|lets? them', write: 'configure …', level: 'warning', in: ['markdown'] },
  { find: 'is no|are no', write: "isn't a, aren't", level: 'warning' },
  { find: 'authorisation', write: 'authorization', level: 'error' },
  { find: 'log copier|copies the log|copying the log|copy of the log', write: 'checkpoint', level: 'error' },
  { find: 'heartbeats? of its own', write: 'its own heartbeat', level: 'error' },
]
