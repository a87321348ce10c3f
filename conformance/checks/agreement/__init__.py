"""AGR: one fact that is shown in several places or several times is the same in all of them.

`facts` compares runs, threads, states and messages. `outputs` compares what a client receives of a run with the state.
`tasks` compares the tasks of a state with its next steps, and with what the steps wrote.
"""
