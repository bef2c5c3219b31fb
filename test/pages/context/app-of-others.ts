// An app with the sessions of express-session, whose types conflict with those of `viur-session/express`.
import express from 'express'

export const app = express()
