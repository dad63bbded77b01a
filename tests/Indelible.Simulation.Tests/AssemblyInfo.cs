// One simulation at a time: it has the process's disk hook and its one pool thread for itself.
[assembly: Xunit.CollectionBehavior(DisableTestParallelization = true)]
