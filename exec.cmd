@rem `npm start` says "exec" so that no shell stands between npm and the signals of the server; cmd.exe lacks the word.
@%*
