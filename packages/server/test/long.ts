/** Whether loops run whole (`npm run test:long`), of which a part says enough at every commit. */
export const isLong = process.env.LONG_TESTS !== undefined
