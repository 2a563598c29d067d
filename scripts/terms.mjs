/**
 * Words that this project does not use, and what to write instead. An `error` is never right; a `warning` is right in some
 * sentences and wrong in most. `in` limits a term to some kinds of text. A test checks that each term is found in its
 * `example`. CONTRIBUTING.md explains how to add one.
 *
 * @typedef {'markdown' | 'comment' | 'string' | 'data'} Kind `data`: strings outside of `src`, except titles of tests
 * @typedef {{ find: string, example: string, write: string, level: 'error' | 'warning', in?: readonly Kind[] }} Term
 * @type {readonly Term[]}
 */
export const terms = [
  { find: 'anew', example: 'It starts anew.', write: 'again', level: 'error' },
  {
    find: 'nobody|somebody|everybody|anybody',
    example: 'Nobody tells somebody what everybody and anybody knows.',
    write: 'no one, someone, everyone; better: the caller, the user, an attacker',
    level: 'error',
    in: ['markdown', 'comment', 'string'],
  },
  {
    find: 'whoever|whomever',
    example: 'Whoever calls it.',
    write: 'anyone who, the caller, the user',
    level: 'warning',
  },
  { find: 'whom', example: 'The user for whom it signs.', write: 'rewrite with the noun', level: 'warning' },
  { find: 'in place of', example: 'One in place of another.', write: 'instead of', level: 'error' },
  { find: 'by way of', example: 'It connects by way of a proxy.', write: 'through', level: 'error' },
  { find: 'all the same', example: 'It starts all the same.', write: 'anyway', level: 'error' },
  { find: 'meanwhile', example: 'Requests wait meanwhile.', write: 'in the meantime, while …', level: 'error' },
  { find: 'mends?|mended|mending', example: 'The command mends it.', write: 'fix, repair', level: 'error' },
  {
    find: 'of yours|of theirs|of ours',
    example: 'An agent of yours.',
    write: 'your own, their own, our own',
    level: 'warning',
  },
  {
    find: '(?:a|an|one|some|no|any) \\w+ of (?:its|their|his|your|our) own',
    example: 'It has a key of its own.',
    write: 'its own …',
    level: 'error',
  },
  {
    find: 'of its own|of their own',
    example: 'The keys of their own.',
    write: 'its own …, their own …',
    level: 'warning',
  },
  { find: 'user names?', example: 'Two user names.', write: 'username', level: 'error' },
  { find: 'e-mails?', example: 'An e-mail arrives.', write: 'email', level: 'error' },
  {
    find: '(?:take|takes|took|taken|taking) back|(?:take|takes|took|taken|taking) (?:it|them|this|that) back',
    example: 'Users took it back.',
    write: 'revoke; roll back (a transaction)',
    level: 'error',
  },
  {
    find: '(?:is|are|was|were|be|been) told',
    example: 'The agent is told.',
    write: 'receives, is notified, sees',
    level: 'warning',
  },
  {
    find: 'tells?|telling',
    example: 'The server tells the agent.',
    write: 'reports, returns, logs, shows',
    level: 'warning',
    in: ['markdown', 'comment'],
  },
  { find: 'knows? of|known of', example: 'It knows of two servers.', write: 'accepts, trusts, has', level: 'warning' },
  {
    find: 'answers?|answered|answering',
    example: 'The server answered.',
    write: 'response; respond, return',
    level: 'warning',
  },
  {
    find: 'asks? for|asked for|asking for',
    example: 'The agent asks for consent.',
    write: 'request, require',
    level: 'warning',
  },
  {
    find: 'goes? on|went on|going on',
    example: 'The request goes on.',
    write: 'continue, is forwarded',
    level: 'warning',
  },
  {
    find: 'at most',
    example: 'It waits at most a second.',
    write: 'up to, no more than',
    level: 'warning',
    in: ['markdown'],
  },
  {
    find: 'lets? it|lets? them',
    example: 'The setting lets it wait.',
    write: 'configure …',
    level: 'warning',
    in: ['markdown'],
  },
  { find: 'is no|are no', example: 'This is no token.', write: "isn't a, aren't", level: 'warning' },
  { find: 'authorisation', example: 'The authorisation ends.', write: 'authorization', level: 'error' },
  {
    find: 'log copier|copies the log|copying the log|copy of the log',
    example: 'It copies the log.',
    write: 'checkpoint',
    level: 'error',
  },
  { find: 'heartbeats? of its own', example: 'A heartbeat of its own.', write: 'its own heartbeat', level: 'error' },
]
