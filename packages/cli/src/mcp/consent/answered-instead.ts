import type { Answer } from '../messages/json-rpc.js'

/** A request that is answered without the server: a person has to decide, or did not. */
export class AnsweredInstead extends Error {
  readonly answer: Answer

  constructor(answer: Answer) {
    super('A person must decide first.')
    this.name = 'AnsweredInstead'
    this.answer = answer
  }
}

/** A request during which nobody is asked needs a person's consent. */
export class ConsentNeeded extends Error {
  constructor() {
    super('A person must decide first, and is asked when a tool is called.')
    this.name = 'ConsentNeeded'
  }
}
