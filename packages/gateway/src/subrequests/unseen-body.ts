import { AAuthError } from 'countersign/resource'

/** A body that nobody can compare with its digest (G06). Nothing is wrong with the signature, and no other one would help. */
export class UnseenBody extends AAuthError {
  override readonly status = 401

  constructor() {
    super(
      'request_malformed',
      'The proxy here does not show the body, so it cannot be compared with its digest. Only GET and HEAD without a body pass; the operator lets others pass by body: unseen on the route.',
    )
  }
}
