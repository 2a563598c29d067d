/** Whether loops run in full (`npm run test:long`). The part that runs on every commit is enough there. */
export const isLong = process.env.LONG_TESTS !== undefined
